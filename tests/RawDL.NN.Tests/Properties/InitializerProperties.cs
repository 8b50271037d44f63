using FsCheck.Fluent;

namespace RawDL.NN.Tests;

/// <summary>The laws of initial values and their names.</summary>
public sealed class InitializerProperties
{
    private static readonly string[] s_names =
        ["xavier_uniform", "xavier_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "torch_uniform", "uniform", "normal", "zeros", "ones", "orthogonal"];

    private static Dictionary<string, float> Options(Initializer initializer) => initializer.Option is var (name, value) ? new() { [name] = value } : [];

    [Test]
    public void Name_and_option_give_the_initializer_again() => Law.Holds(
        from name in Gen.Elements(s_names)
        from value in Gen.Choose(1, 100_000)
        from seed in Gen.Choose(0, int.MaxValue)
        select (name, value / 1000f, (ulong)seed), ((string Name, float Value, ulong Seed) c) =>
    {
        var plain = Initializer.Parse(c.Name);
        var first = plain.Option is var (option, _) ? Initializer.Parse(c.Name, new Dictionary<string, float> { [option] = c.Value }) : plain;
        if (first.Option is var (_, value)) Assert.That(value, Is.EqualTo(c.Value));
        var second = Initializer.Parse(first.Name, Options(first));
        Assert.That((second.Name, second.Option, second.ToString()), Is.EqualTo((c.Name, first.Option, first.ToString())));
        Assert.That(Fill(second), Is.EqualTo(Fill(first)));

        float[] Fill(Initializer initializer)
        {
            var values = new float[24];
            var random = new RandomStream(c.Seed, 3);
            initializer.Fill(values, new Shape(4, 6), 6, 4, ref random);
            return values;
        }
    });

    [Test]
    public void Other_names_and_options_are_refused_in_one_line() => Law.Holds(
        from name in Gen.Frequency((1, Gen.Elements(s_names)), (1, Gen.Elements("", "He_normal", "zeros ", "a\nb", "\u2028", new string('x', 100_000))))
        from option in Gen.Elements("range", "std", "gain", "", "std\n", "RANGE", new string('y', 100_000))
        from value in Gen.Elements(0f, -1f, float.NaN, float.PositiveInfinity, 1f)
        select (name, option, value), ((string Name, string Option, float Value) c) =>
    {
        var isGood = c.Value == 1f && (c.Name, c.Option) is ("uniform", "range") or ("normal", "std") or ("orthogonal", "gain");
        Assert.That(Law.Refuses<ArgumentException>(() => Initializer.Parse(c.Name, new Dictionary<string, float> { [c.Option] = c.Value })), Is.Not.EqualTo(isGood && c.Value == 1f));
    });

    [Test]
    public void Values_have_the_width_of_their_fans() => Law.Holds(
        from name in Gen.Elements(s_names)
        from extents in Gen.Choose(1, 24).Two()
        from seed in Gen.Choose(0, int.MaxValue)
        select (name, extents.Item1, extents.Item2, (ulong)seed), ((string Name, int Out, int In, ulong Seed) c) =>
    {
        var values = new float[c.Out * c.In];
        var random = new RandomStream(c.Seed, 3);
        Initializer.Parse(c.Name).Fill(values, new Shape(c.Out, c.In), c.In, c.Out, ref random);
        double fans = c.In + c.Out;
        // A normal number lies beyond six deviations once in 10^9 draws.
        var limit = c.Name switch
        {
            "xavier_uniform" => Math.Sqrt(6 / fans),
            "xavier_normal" => 6 * Math.Sqrt(2 / fans),
            "he_uniform" => Math.Sqrt(6.0 / c.In),
            "he_normal" => 6 * Math.Sqrt(2.0 / c.In),
            "lecun_uniform" => Math.Sqrt(3.0 / c.In),
            "lecun_normal" => 6 * Math.Sqrt(1.0 / c.In),
            "torch_uniform" => 1 / Math.Sqrt(c.In),
            "uniform" => 0.05,
            "normal" => 0.06,
            "zeros" => 0,
            _ => 1,
        };
        Assert.That(values.Select(Math.Abs), Is.All.LessThanOrEqualTo(limit * (1 + 1e-6)));
        if (c.Name != "zeros" && c.Name != "ones" && values.Length > 50) Assert.That(values.Max(Math.Abs), Is.GreaterThan(limit / 20));
    }, 400);
}
