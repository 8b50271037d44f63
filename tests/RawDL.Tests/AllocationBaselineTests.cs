using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using RawDL.Benchmarks;

namespace RawDL.Tests;

/// <summary>From the second step on, a step allocates no device memory, and its managed bytes stay within benchmarks/results/allocations.json.</summary>
public sealed class AllocationBaselineTests
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

    [Test]
    public void LeNet_step()
    {
        using var step = new LeNetStep(_device, 8);
        // Where the processor cannot fuse, more operations stand on the tape.
        Hold(Avx2.IsSupported && Fma.IsSupported ? "lenet_step" : "lenet_step_composed", () => step.Run());
    }

    // A family: one operation of its kind forward and backward. The loss (a sum) and the data count along.
    [TestCaseSource(nameof(Families))]
    public void Operation(string family, Func<Tensor, Tensor> apply)
    {
        using var tape = new Tape(_device);
        var data = new float[2 * 4 * 6 * 6];
        var shape = new Shape(2, 4, 6, 6);
        Hold(family, () =>
        {
            tape.Reset();
            tape.Backward(apply(tape.Variable(data, shape)).Sum());
        });
    }

    [Test]
    public void Every_baseline_is_held() =>
        Assert.That(Baselines().Keys, Is.EquivalentTo(Families().Select(family => (string)family.Arguments[0]!).Append("lenet_step").Append("lenet_step_composed")));

    private static IEnumerable<TestCaseData> Families()
    {
        yield return Family("sum", x => x);
        yield return Family("unary", x => x.Tanh());
        yield return Family("binary", x => x.Multiply(x));
        yield return Family("matmul", x => Rows(x, 24, 12).MatMul(Rows(x, 12, 24)));
        yield return Family("linear", x => Rows(x, 24, 12).Linear(Rows(x, 24, 12)));
        yield return Family("conv2d", x => x.Conv2d(x.Reshape(new Shape(2, 4, 6, 6)), null, s_padded));
        yield return Family("max_pool", x => x.MaxPool2d((2, 2), (2, 2)));
        yield return Family("average_pool", x => x.AveragePool2d((2, 2), (2, 2)));
        yield return Family("softmax", x => Rows(x, 24, 12).Softmax());
        yield return Family("softmax_cross_entropy", x => Rows(x, 24, 12).SoftmaxCrossEntropy(x.Tape!.Labels(s_labels)));
        yield return Family("layer_norm", x => Rows(x, 24, 12).LayerNorm(x.Tape!.AllocateZero(new Shape(12)), x.Tape!.AllocateZero(new Shape(12))));
        yield return Family("dropout", x => x.Dropout(0.5f, 1));
        yield return Family("pad", x => x.Pad(1, 1, 1, 1));

        static TestCaseData Family(string name, Func<Tensor, Tensor> apply) => new TestCaseData(name, apply).SetArgDisplayNames(name);
        static Tensor Rows(Tensor x, int rows, int columns) => x.Reshape(new Shape(rows, columns));
    }

    private static readonly int[] s_labels = new int[24];
    private static readonly Conv2dOptions s_padded = new() { Padding = (1, 1) };

    private void Hold(string name, Action step)
    {
        step();
        var allocations = _device.Allocations;
        for (var i = 0; i < 3; i++) step();
        var before = GC.GetAllocatedBytesForCurrentThread();
        step();
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        TestContext.Out.WriteLine($"\"{name}\": {bytes}");
        Assert.That(_device.Allocations, Is.EqualTo(allocations), "device allocations from the second step on");
        Assert.That(Baselines(), Does.ContainKey(name), "benchmarks/results/allocations.json");
        Assert.That(bytes, Is.LessThanOrEqualTo(Baselines()[name]), "managed bytes per step");
    }

    private static Dictionary<string, long> Baselines()
    {
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "RawDL.sln")))
            folder = folder.Parent ?? throw new FileNotFoundException("RawDL.sln: expected above the tests, got none.");
        using var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.FullName, "benchmarks", "results", "allocations.json")));
        return file.RootElement.GetProperty("managed_bytes_per_step").EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetInt64());
    }
}
