namespace RawDL.NN.Tests;

public sealed class NormalizationTests
{
    [Test]
    public void Compute_and_apply_give_mean_0_and_deviation_1_per_channel()
    {
        float[] samples = [1, 3, 10, 10, 5, 7, 10, 10];
        var dataset = new FloatDataset("two", new Shape(2, 1, 2), samples, [0, 1], Dataset.NumberedClasses(2));
        var normalization = Normalization.Compute(dataset);
        Assert.That(normalization.Mean, Is.EqualTo(new float[] { 4, 10 }));
        Assert.That(normalization.Std, Is.EqualTo(new[] { MathF.Sqrt(5), 1 }).Within(1e-6f));
        var all = samples.ToArray();
        normalization.Apply(all, dataset.SampleShape);
        Assert.That(all, Is.EqualTo(new[] { -3, -1, 0, 0, 1, 3, 0, 0 }.Select((x, i) => i % 4 < 2 ? x / MathF.Sqrt(5) : x)).Within(1e-6f));
    }

    [Test]
    public void Large_offsets_keep_their_deviation()
    {
        var dataset = new FloatDataset("years", new Shape(1), [2_000_000, 2_000_001, 2_000_002], [0, 0, 0], Dataset.NumberedClasses(1));
        Assert.That(Normalization.Compute(dataset).Std[0], Is.EqualTo(Math.Sqrt(2 / 3.0)).Within(1e-6));
    }

    [Test]
    public void None_changes_nothing()
    {
        float[] x = [0.1f, -3, 7];
        Normalization.None(new Shape(3)).Apply(x, new Shape(3));
        Assert.That(x, Is.EqualTo(new[] { 0.1f, -3, 7 }));
        Assert.That(Normalization.None(new Shape(3)), Is.EqualTo(new Normalization([0, 0, 0], [1, 1, 1])));
    }
}
