using System.Text.Json;

namespace RawDL.NN;

/// <summary>Samples of any shape → [their number of values].</summary>
public sealed class Flatten : Layer
{
    /// <inheritdoc/>
    public override string Type => "flatten";

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json) { }

    /// <inheritdoc/>
    protected override Shape Resolve(Shape input) => new(input.Count);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => x.Flatten();
}
