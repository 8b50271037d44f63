using RawDL.Benchmarks;

namespace RawDL.Peers;

internal sealed partial class Comparison
{
    // Square ones, then small and skinny ones; the last three are LeNet's first linear layer at batch 64: forward, by the input, by the weight.
    private static readonly (int Rows, int Columns, int Inner)[] s_products =
    [
        (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048),
        (64, 64, 64), (128, 10, 500), (128, 500, 10), (32, 500, 800), (1, 500, 800), (50, 4096, 500), (4096, 50, 500),
        (64, 500, 800), (64, 800, 500), (500, 800, 64),
    ];

    private static readonly int[] s_batches = [16, 64, 512];

    private void MatMuls()
    {
        Console.WriteLine("### sgemm, C [M, N] = A [M, K] · B [K, N], GFLOP/s");
        Console.WriteLine();
        Table table = new("M x N x K", "threads", "FMA ceiling", "RawDL", "OpenBLAS", "libtorch", "RawDL / OpenBLAS", "RawDL / libtorch", "of the ceiling");
        foreach (var (rows, columns, inner) in s_products)
        {
            foreach (var threads in _threads)
            {
                var rates = Measure($"sgemm {rows} {columns} {inner}", threads, _rawdl, _openBlas, _torchSharp);
                table.Add($"{rows} x {columns} x {inner}", $"{threads}", Number(rates[0], 1e9, "F1"), Number(rates[1], 1e9, "F1"), Number(rates[2], 1e9, "F1"),
                    Number(rates[3], 1e9, "F1"), Ratio(rates[1], rates[2]), Ratio(rates[1], rates[3]), Ratio(rates[1], rates[0]));
            }
        }
        table.Print();
    }

    private void Training()
    {
        Console.WriteLine($"### LeNet, training step, images/s ({LeNetWidths.Standard.TrainingFlops / 1e6:F1} MFLOP per image, counted dense)");
        Console.WriteLine();
        Table table = new("batch", "threads", "RawDL", "TorchSharp", "PyTorch", "RawDL / TorchSharp", "RawDL / PyTorch", "of the FMA ceiling");
        foreach (var batch in s_batches)
        {
            foreach (var threads in _threads)
            {
                var rates = Measure($"training {batch}", threads, _rawdl, _torchSharp, _torch);
                table.Add($"{batch}", $"{threads}", Number(rates[1], 1, "F0"), Number(rates[2], 1, "F0"), Number(rates[3], 1, "F0"),
                    Ratio(rates[1], rates[2]), Ratio(rates[1], rates[3]), Share(rates[1], rates[0], LeNetWidths.Standard.TrainingFlops));
            }
        }
        table.Print();
    }

    private void Inference()
    {
        Console.WriteLine($"### LeNet, forward only, images/s ({LeNetWidths.Standard.ForwardFlops / 1e6:F1} MFLOP per image)");
        Console.WriteLine();
        Table table = new("batch", "threads", "RawDL", "ONNX Runtime", "TorchSharp", "PyTorch",
            "RawDL / ONNX Runtime", "RawDL / TorchSharp", "RawDL / PyTorch", "of the FMA ceiling");
        foreach (var batch in (int[])[1, .. s_batches])
        {
            foreach (var threads in _threads)
            {
                var rates = Measure($"inference {batch}", threads, _rawdl, _onnxRuntime, _torchSharp, _torch);
                table.Add($"{batch}", $"{threads}", Number(rates[1], 1, "F0"), Number(rates[2], 1, "F0"), Number(rates[3], 1, "F0"), Number(rates[4], 1, "F0"),
                    Ratio(rates[1], rates[2]), Ratio(rates[1], rates[3]), Ratio(rates[1], rates[4]), Share(rates[1], rates[0], LeNetWidths.Standard.ForwardFlops));
            }
        }
        table.Print();
    }

    private void Layers()
    {
        Console.WriteLine("### One convolution of LeNet with ReLU and max-pool, forward and backward at batch 64, images/s");
        Console.WriteLine();
        Table table = new("layer", "threads", "RawDL", "TorchSharp", "PyTorch", "RawDL / TorchSharp", "RawDL / PyTorch");
        foreach (var (number, name) in ((int, string)[])[(1, "1 > 20 on 28 x 28, by the weight"), (2, "20 > 50 on 12 x 12, by the weight and the input")])
        {
            foreach (var threads in _threads)
            {
                var rates = Measure($"layer {number} 64", threads, _rawdl, _torchSharp, _torch);
                table.Add(name, $"{threads}", Number(rates[1], 1, "F0"), Number(rates[2], 1, "F0"), Number(rates[3], 1, "F0"),
                    Ratio(rates[1], rates[2]), Ratio(rates[1], rates[3]));
            }
        }
        table.Print();
    }

    private void Scaling()
    {
        BatchScaling();
        ThreadScaling();
        var threads = _threads[^1];
        var rates = Measure($"fma {threads}", (_rawdl, $"training 64 {threads}"), (_rawdl, $"wide 64 {threads}"));
        var work = LeNetWidths.Wide.TrainingFlops / LeNetWidths.Standard.TrainingFlops;
        Console.WriteLine($"A net of {work:F1} times the operations ({LeNetWidths.Wide.First}, {LeNetWidths.Wide.Second}, {LeNetWidths.Wide.Hidden}) takes "
            + $"{Ratio(rates[1], rates[2])} times the time of LeNet's step, batch 64, {threads} threads.");
        Console.WriteLine();
    }

    private void BatchScaling()
    {
        var threads = _threads[^1];
        Console.WriteLine($"### RawDL, LeNet's training step on {threads} threads, by batch");
        Console.WriteLine();
        int[] batches = [16, 32, 64, 128, 256, 512, 1024];
        var rates = Measure($"fma {threads}", [.. batches.Select(batch => (_rawdl, $"training {batch} {threads}"))]);
        var middle = rates[1 + Array.IndexOf(batches, 64)];
        Table table = new("batch", "us per image", "cost to batch 64's", "bytes per image");
        for (var i = 0; i < batches.Length; i++)
            table.Add($"{batches[i]}", Text(1e6 / Median.Of(rates[i + 1]), "F1"), Ratio(middle, rates[i + 1]), Text(_rawdl.Ask($"bytes {batches[i]}") / batches[i], "F0"));
        table.Print();
    }

    private void ThreadScaling()
    {
        if (_threads.Length < 2) return;
        Console.WriteLine("### RawDL, LeNet's training step, from 1 to 2 threads");
        Console.WriteLine();
        Table table = new("batch", "1 thread, images/s", "2 threads, images/s", "ratio", "ratio of the FMA ceilings");
        foreach (var batch in s_batches)
        {
            var rates = Measure("fma 1", (_rawdl, "fma 2"), (_rawdl, $"training {batch} 1"), (_rawdl, $"training {batch} 2"));
            table.Add($"{batch}", Number(rates[2], 1, "F0"), Number(rates[3], 1, "F0"), Ratio(rates[3], rates[2]), Ratio(rates[1], rates[0]));
        }
        table.Print();
    }

    // Operations done, of those that the multiply-add units could do.
    private static string Share(double?[] images, double?[] ceiling, double flops) => Text(Median.OfRatios(images, ceiling) * flops, "P0");
}
