namespace RawDL.NN;

/// <summary>Every element the same.</summary>
internal sealed class ConstantInitializer(string name, float value) : Initializer
{
    public override string Name => name;

    public override void Fill(Span<float> values, Shape shape, int fanIn, int fanOut, ref RandomStream random) => values.Fill(value);
}
