namespace RawDL.NN;

/// <summary>The form of a random distribution around 0.</summary>
internal enum Distribution
{
    Uniform,
    Normal,
}

/// <summary>What the variance is divided by.</summary>
internal enum Fan
{
    In,
    Average,
}

/// <summary>Variance = factor / fan, so that signals keep their size from layer to layer.</summary>
internal sealed class ScalingInitializer(string name, Fan fan, float factor, Distribution distribution) : Initializer
{
    public override string Name => name;

    public override void Fill(Span<float> values, Shape shape, int fanIn, int fanOut, ref RandomStream random)
    {
        var divisor = fan == Fan.In ? fanIn : (fanIn + (double)fanOut) / 2;
        RangeInitializer.Draw(values, Math.Sqrt(factor / divisor), distribution, ref random);
    }
}

/// <summary>A distribution of a given width, whatever the fan.</summary>
internal sealed class RangeInitializer(string name, string option, float width, Distribution distribution) : Initializer
{
    public override string Name => name;

    public override (string Name, float Value)? Option => (option, width);

    public override void Fill(Span<float> values, Shape shape, int fanIn, int fanOut, ref RandomStream random) =>
        Draw(values, distribution == Distribution.Uniform ? width / Math.Sqrt(3) : width, distribution, ref random);

    /// <summary>Draws with a standard deviation; U(±r) has r / √3.</summary>
    internal static void Draw(Span<float> values, double deviation, Distribution distribution, ref RandomStream random)
    {
        if (distribution == Distribution.Uniform)
        {
            var range = (float)(deviation * Math.Sqrt(3));
            foreach (ref var value in values) value = random.NextFloat(-range, range);
        }
        else
        {
            foreach (ref var value in values) value = (float)(deviation * random.NextGaussian());
        }
    }
}
