namespace RawDL.Tests;

/// <summary>The running statistics of batch normalisation.</summary>
public sealed class BatchNormTests
{
    private CpuDevice _device = null!;
    private Tape _tape = null!;

    [SetUp]
    public void Create() => _tape = new Tape(_device = new CpuDevice(2));

    [TearDown]
    public void Dispose()
    {
        _tape.Dispose();
        _device.Dispose();
        Assert.That(_device.LiveBytes, Is.Zero);
    }

    [Test]
    public void Running_statistics_move_to_the_mean_and_the_unbiased_variance()
    {
        // Values 1, 2, 3, 6: mean 3, unbiased variance 14/3.
        var (mean, variance) = Train([1, 2, 3, 6], new Shape(4, 1), momentum: 0.25f);
        Assert.That(mean, Is.EqualTo(0.75f * 10 + 0.25f * 3).Within(1e-6));
        Assert.That(variance, Is.EqualTo(0.75f * 20 + 0.25f * 14 / 3).Within(1e-5));
    }

    [Test]
    public void One_value_leaves_the_running_variance()
    {
        var (mean, variance) = Train([4], new Shape(1, 1), momentum: 0.5f);
        Assert.That((mean, variance), Is.EqualTo((7f, 20f)));
    }

    [Test]
    public void Empty_batch_changes_nothing()
    {
        var (mean, variance) = Train([], new Shape(0, 1), momentum: 0.5f);
        Assert.That((mean, variance), Is.EqualTo((10f, 20f)));
    }

    private (float Mean, float Variance) Train(float[] values, Shape shape, float momentum)
    {
        var one = new Shape(1);
        var mean = _tape.Input([10f], one);
        var variance = _tape.Input([20f], one);
        _tape.Variable(values, shape).BatchNorm(_tape.Input([1f], one), _tape.Input([0f], one), mean, variance, momentum);
        return (mean.Item(), variance.Item());
    }
}
