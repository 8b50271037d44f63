using System.Text.Json;

namespace RawDL.NN;

/// <summary>The mean of each plane: images [C, H, W] → [C].</summary>
public sealed class GlobalAveragePool : Layer
{
    /// <inheritdoc/>
    public override string Type => "global_average_pool";

    /// <inheritdoc/>
    protected override long OwnFlops => InputShape.Count;

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json) { }

    /// <inheritdoc/>
    protected override Shape Resolve(Shape input) => input.Rank == 3 && input.Count > 0 ? new Shape(input[0]) : throw Mismatch("samples [C, H, W]", $"{input}");

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => x.GlobalAveragePool();
}
