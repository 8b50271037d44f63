using RawDL.TestKit;

namespace RawDL.Cuda.Tests;

/// <summary>Real kernels, broken on purpose by one change of their text: the table of operations on the emulated device must see it, in at least one order of threads.</summary>
public sealed class MutationTests
{
    /// <summary>One change, and the rows that it breaks.</summary>
    public sealed record Mutation(string Name, string File, string Text, string Replacement, string Rows)
    {
        public override string ToString() => Name;
    }

    private static readonly Mutation[] s_mutations =
    [
        new("matmul without its barrier", "matmul.cu", "__syncthreads();   // this slice has come", ";   // this slice has come", "matmul"),
        new("matmul without waiting for its copies", "matmul.cu", "copy_async_wait<0>();", ";", "matmul"),
        new("conv2d without its last barrier of a step", "conv2d.cu", "if (t < DEPTH) table[now][t] = tap_at<STRIDED>(g, first + 2 * DEPTH + t);\n        __syncthreads();",
            "if (t < DEPTH) table[now][t] = tap_at<STRIDED>(g, first + 2 * DEPTH + t);", "conv2d"),
        new("batch_norm without its barrier", "batch_norm.cu", "__syncthreads();\n    float mean = float(merged[0])", "float mean = float(merged[0])", "batch_norm"),
        new("max_pool one column too few", "pool2d.cu", "for (int column = w.left; column < w.right; column++)", "for (int column = w.left; column < w.right - 1; column++)", "max_pool"),
        new("average_pool one row too many", "pool2d.cu", "for (int row = w.top; row < w.bottom; row++)\n            for (int column = w.left; column < w.right; column++) sum",
            "for (int row = w.top; row <= w.bottom; row++)\n            for (int column = w.left; column < w.right; column++) sum", "average_pool"),
        new("softmax_cross_entropy beyond its classes", "softmax_cross_entropy.cu", "for (int c = lane; c < g.classes; c += GROUP) p[c] *= scale;",
            "for (int c = lane; c <= g.classes; c += GROUP) p[c] *= scale;", "softmax_cross_entropy"),
        new("layer_norm beyond its row", "layer_norm.cu", "for (int i = lane; i < count; i += GROUP) sum += x[i];", "for (int i = lane; i <= count; i += GROUP) sum += x[i];", "layer_norm"),
        new("conv2d_relu_max_pool2d without waiting for its copies", "conv2d_relu_max_pool2d.cu", "copy_async_wait<0>();\n        __syncthreads();   // this slice", "__syncthreads();   // this slice",
            "conv2d_relu_max_pool"),
        new("conv2d_relu_max_pool2d without the barrier of a warp", "conv2d_relu_max_pool2d.cu", "__syncwarp();   // the taps", ";   // the taps", "conv2d_relu_max_pool"),
        new("conv2d_relu_max_pool2d with an image that is not there yet", "conv2d_relu_max_pool2d.cu", "__syncthreads();   // this image", ";   // this image", "conv2d_relu_max_pool"),
        new("region of overwritten sums", "region.cu", "*place = store == ADD ? *place + value : value;", "*place = value;", "concatenate"),
    ];

    [Test]
    public void A_broken_kernel_is_seen([ValueSource(nameof(s_mutations))] Mutation mutation)
    {
        Required.Emulator();
        var folder = Directory.CreateTempSubdirectory("rawdl-mutation-").FullName;
        try
        {
            var text = ModuleSource.Embedded.Files[mutation.File];
            Assert.That(text, Does.Contain(mutation.Text), "the kernel no longer has the text that is to be changed");
            var path = Path.Combine(folder, mutation.File);
            File.WriteAllText(path, text.Replace(mutation.Text, mutation.Replacement, StringComparison.Ordinal));
            var driver = new EmulatedDriver(extraSources: [path]);
            using var device = new CudaDevice(driver, CudaDevices.Emulated);
            Assert.That(Enum.GetValues<ThreadOrder>().Any(order => IsSeen(device, driver, order, mutation.Rows)), Is.True);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static bool IsSeen(CudaDevice device, EmulatedDriver driver, ThreadOrder order, string rows)
    {
        driver.Order(order, 1);
        try
        {
            return OpCases.All.Where(row => row.Name.StartsWith(rows, StringComparison.Ordinal)).Any(row => !OpCheck.Run(row, device).Passed);
        }
        catch (CudaException)
        {
            return true;
        }
    }
}
