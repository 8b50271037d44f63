using System.Text;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>In training zeroes each value with probability <paramref name="rate"/> and scales the others by 1 / (1 − rate); see <see cref="TensorOps.Dropout"/>.</summary>
/// <param name="rate">[0, 1).</param>
/// <remarks>The random stream is the CRC-32C of the layer's path: a mask depends on the seed, the step, the layer and the sample's place in the step, not on how many ranks share it.</remarks>
public sealed class Dropout(float rate) : Layer
{
    private ulong _stream;

    /// <inheritdoc/>
    public override string Type => "dropout";

    /// <summary>Probability of a zero.</summary>
    public float Rate { get; } = rate is >= 0 and < 1 ? rate : throw new ArgumentOutOfRangeException(nameof(rate), rate, "Dropout: expected a rate in [0, 1).");

    /// <inheritdoc/>
    protected override long OwnFlops => OutputShape.Count;

    // The largest rate below 1 that a float holds.
    internal static Dropout Read(ConfigurationObject source) => new(source.Number("rate", 0.5f, 0, MathF.BitDecrement(1)));

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json) => json.WriteNumber("rate", Rate);

    /// <inheritdoc/>
    protected override Shape Resolve(Shape input)
    {
        _stream = RandomStreams.Dropout | Crc32C.Compute(Encoding.UTF8.GetBytes(Path));
        return input;
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => x.Dropout(Rate, _stream);
}
