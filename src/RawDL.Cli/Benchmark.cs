using System.Diagnostics;
using System.Runtime.InteropServices;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary>One measured piece of work.</summary>
/// <param name="Name">What it is, with its shapes.</param>
/// <param name="Seconds">Median time of one run.</param>
/// <param name="Flops">Floating-point operations of one run, a multiply-add counted as two.</param>
/// <param name="Images">Images of one run; 0 where there are none.</param>
/// <param name="Runs">Measured runs.</param>
internal sealed record BenchmarkRow(string Name, double Seconds, double Flops, int Images, int Runs);

/// <summary>The pieces of work of <c>rawdl bench</c>, measured one after the other.</summary>
/// <param name="device">Computes.</param>
/// <param name="batch">Images per step.</param>
/// <param name="seconds">Time for each piece.</param>
/// <param name="stop">Ends the measuring between two runs.</param>
internal sealed class Benchmark(Device device, int batch, double seconds, CancellationToken stop)
{
    private const int FewestRuns = 5, MostRuns = 100_000;

    private readonly List<BenchmarkRow> _rows = [];

    public List<BenchmarkRow> Run()
    {
        MatMul("matmul 1024^3", 1024, 1024, 1024);
        // The linear layers of LeNet and the larger convolution as a product.
        MatMul($"matmul {batch}x800 800x500", batch, 800, 500);
        MatMul($"matmul 500x{batch} {batch}x800", 500, batch, 800);
        MatMul($"matmul {batch}x500 500x10", batch, 500, 10);
        MatMul($"matmul 50x500 500x{64 * batch}", 50, 500, 64 * batch);
        Convolution("conv2d 1>20 5x5 on 28x28", new Shape(batch, 1, 28, 28), 20);
        Convolution("conv2d 20>50 5x5 on 12x12", new Shape(batch, 20, 12, 12), 50);
        LeNet();
        return _rows;
    }

    private void MatMul(string name, int rows, int inner, int columns)
    {
        using var tape = new Tape(device, TapeMode.Inference);
        using DeviceBuffer left = device.Allocate(rows * inner), right = device.Allocate(inner * columns);
        Tensor a = Random(left, new Shape(rows, inner), tape), b = Random(right, new Shape(inner, columns), tape);
        Measure(name, 2.0 * rows * inner * columns, 0, () =>
        {
            tape.Reset();
            a.MatMul(b);
        });
    }

    private void Convolution(string name, Shape input, int channels)
    {
        using var tape = new Tape(device);
        using DeviceBuffer images = device.Allocate(2 * input.Count), kernels = device.Allocate(2 * channels * input[1] * 25);
        var kernel = new Shape(channels, input[1], 5, 5);
        Tensor x = Random(images, input, tape), weight = Random(kernels, kernel, tape);
        var flops = 2.0 * 25 * input[1] * channels * input[0] * (input[2] - 4) * (input[3] - 4);
        Measure(name, flops, input[0], () =>
        {
            tape.Reset();
            x.Conv2d(weight);
        });
        // The second half of each buffer takes the gradient.
        x.Gradient = new Tensor(images, input.Count, input);
        weight.Gradient = new Tensor(kernels, kernel.Count, kernel);
        x.Gradient.Fill(0);
        weight.Gradient.Fill(0);
        Measure($"{name}, and gradients", 3 * flops, input[0], () =>
        {
            tape.Reset();
            tape.Backward(x.Conv2d(weight));
        });
    }

    private void LeNet()
    {
        var configuration = Recipes.Read("lenet") with { BatchSize = batch };
        var data = Datasets.Open("digits", new DataOptions { TrainSize = 8 * batch, TestSize = 1 }).Train;
        using var model = Model.Create(configuration, data, device);
        using var optimizer = configuration.CreateOptimizer();
        optimizer.Attach(model.Parameters);
        using var loader = new DataLoader(data, new DataLoaderOptions { BatchSize = batch, Normalization = model.Normalization });
        using (var inference = new Tape(device, TapeMode.Inference) { FixedWeights = true })
        {
            Measure("LeNet, evaluation", (double)batch * model.Network.Flops, batch, () =>
            {
                var images = Next(loader);
                inference.Reset();
                model.Forward(inference.Input(images.Inputs, images.Shape));
            });
        }
        using var tape = new Tape(device);
        var step = 0;
        // Backwards each layer works twice, for its weights and for its input; the first one has no use for the latter.
        Measure("LeNet, training step", batch * (3.0 * model.Network.Flops - model.Network.Children[0].Flops), batch, () =>
        {
            var images = Next(loader);
            tape.Reset();
            model.Parameters.ZeroGradients();
            var loss = model.Loss(model.Forward(tape.Input(images.Inputs, images.Shape)), images);
            loss.Item();
            tape.Backward(loss);
            optimizer.GradientNorm();
            optimizer.Step(++step, optimizer.LearningRate);
        });
    }

    private static Batch Next(DataLoader loader)
    {
        if (loader.TryNext(out var batch)) return batch;
        loader.Start(0);
        return loader.TryNext(out batch) ? batch : throw new InvalidOperationException("The loader has no batch.");
    }

    private void Measure(string name, double flops, int images, Action work)
    {
        // The runtime compiles better once it has seen the work.
        var warm = Stopwatch.StartNew();
        do
        {
            work();
            device.Synchronize();
        }
        while (warm.Elapsed.TotalSeconds < seconds / 4);
        var times = new List<double>();
        var all = Stopwatch.StartNew();
        while (times.Count < FewestRuns || (all.Elapsed.TotalSeconds < seconds && times.Count < MostRuns))
        {
            stop.ThrowIfCancellationRequested();
            var began = Stopwatch.GetTimestamp();
            work();
            device.Synchronize();
            times.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
        _rows.Add(new BenchmarkRow(name, Median.Of(CollectionsMarshal.AsSpan(times)), flops, images, times.Count));
    }

    private static Tensor Random(DeviceBuffer buffer, Shape shape, Tape tape)
    {
        var stream = new RandomStream(1, 1);
        var values = new float[shape.Count];
        foreach (ref var value in values.AsSpan()) value = stream.NextInt(2001) / 1000f - 1;
        var tensor = new Tensor(buffer, 0, shape, tape);
        tensor.CopyFrom(values);
        return tensor;
    }
}
