using RawDL.TestKit;

namespace RawDL.Tests;

/// <summary>The rows of the operation table against the CPU.</summary>
public sealed class OpTableTests
{
    private CpuDevice _device = null!;

    [SetUp]
    public void CreateDevice() => _device = new CpuDevice(2);

    [TearDown]
    public void DisposeDevice()
    {
        _device.Dispose();
        Assert.That(_device.LiveBytes, Is.Zero);
    }

    [TestCaseSource(typeof(OpCases), nameof(OpCases.All))]
    public void Row_holds(OpCase row)
    {
        var result = OpCheck.Run(row, _device);
        Assert.That(result.Failures, Is.Empty);
    }

    [TestCaseSource(typeof(OpCases), nameof(OpCases.All))]
    public void Bits_do_not_depend_on_threads(OpCase row)
    {
        using var one = new CpuDevice(1);
        using var three = new CpuDevice(3);
        var expected = OpCheck.Evaluate(row, one);
        foreach (var device in (CpuDevice[])[_device, three])
        {
            var actual = OpCheck.Evaluate(row, device);
            Assert.That(Bits(actual.Output), Is.EqualTo(Bits(expected.Output)));
            Assert.That(actual.Gradients.Select(Bits), Is.EqualTo(expected.Gradients.Select(Bits)));
        }
    }

    [TestCaseSource(typeof(OpErrors), nameof(OpErrors.All))]
    public void Wrong_use_is_met_with_its_message(OpError row) => Assert.That(OpCheck.Run(row, _device), Is.Null);

    [Test]
    public void Names_are_unique() => Assert.That(OpCases.All.Select(row => row.Name), Is.Unique);

    private static int[] Bits(float[] values) => Array.ConvertAll(values, BitConverter.SingleToInt32Bits);
}
