using RawDL.Benchmarks;
using TorchSharp;
using static TorchSharp.torch;

namespace RawDL.Peers;

/// <summary>TorchSharp with its libtorch for the CPU.</summary>
internal sealed class TorchSharpSide : Side
{
    private readonly SharedData _data;

    public TorchSharpSide(SharedData data)
    {
        _data = data;
        var library = Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libLibTorchSharp.so");
        if (File.Exists(library)) OlderRuntime.Fit(library);
        // One operation, so that a library that does not load is known now.
        using var one = ones(1);
    }

    public override string Version => $"TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)}, libtorch {__version__}";

    public override Work MatMul(int rows, int columns, int inner, int threads)
    {
        set_num_threads(threads);
        torch.Tensor a = tensor(Numbers(rows * inner), rows, inner), b = tensor(Numbers(inner * columns), inner, columns), c = zeros(rows, columns);
        // beta = 0: the product alone, into c.
        return new Work(2.0 * rows * columns * inner, () => c.addmm_(a, b, 0f, 1f), a, b, c);
    }

    public override Work Training(int batch, int threads, LeNetWidths widths)
    {
        set_num_threads(threads);
        var step = new Step(_data, batch, widths);
        return new Work(batch, () => step.Run(), step);
    }

    public override Work Inference(int batch, int threads)
    {
        set_num_threads(threads);
        var step = new Step(_data, batch, LeNetWidths.Standard);
        var logits = new float[batch * 10];
        return new Work(batch, () => step.Infer(logits), step);
    }

    public override Work Layer(int number, int batch, int threads)
    {
        set_num_threads(threads);
        var layer = number == 1
            ? nn.Sequential(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2)) : nn.Sequential(nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2));
        var x = number == 1 ? rand(batch, 1, 28, 28) : rand([batch, 20, 12, 12], requires_grad: true);
        var dy = number == 1 ? ones(batch, 20, 12, 12) : ones(batch, 50, 4, 4);
        return new Work(batch, () =>
        {
            using var scope = NewDisposeScope();
            layer.zero_grad();
            x.grad?.zero_();
            layer.forward(x).backward([dy]);
        }, layer, x, dy);
    }

    public override float[] Logits()
    {
        using var step = new Step(_data, SharedData.Batch, LeNetWidths.Standard);
        var logits = new float[SharedData.Batch * 10];
        step.Infer(logits);
        return logits;
    }

    public override double? Loss(int steps)
    {
        using var step = new Step(_data, SharedData.Batch, LeNetWidths.Standard);
        for (var i = 0; i < steps; i++) step.Run();
        return step.Run();
    }

    // As a user of TorchSharp writes it.
    private sealed class Step : IDisposable
    {
        private readonly nn.Module<torch.Tensor, torch.Tensor> _net;
        private readonly optim.Optimizer _optimizer;
        private readonly torch.Tensor _images, _labels;

        public Step(SharedData data, int batch, LeNetWidths widths)
        {
            var (first, second, hidden) = widths;
            _net = nn.Sequential(
                nn.Conv2d(1, first, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(first, second, 5), nn.ReLU(), nn.MaxPool2d(2),
                nn.Flatten(), nn.Linear(16 * second, hidden), nn.ReLU(), nn.Linear(hidden, 10));
            if (widths == LeNetWidths.Standard)
            {
                using var _ = no_grad();
                var index = 0;
                foreach (var parameter in _net.parameters())
                {
                    using var values = tensor(data.Parameter(index++)).reshape(parameter.shape);
                    parameter.copy_(values);
                }
            }
            _optimizer = optim.SGD(_net.parameters(), 0.01, 0.9);
            _images = batch == SharedData.Batch ? tensor(data.Images, batch, 1, 28, 28) : rand(batch, 1, 28, 28);
            _labels = arange(batch, ScalarType.Int64).remainder(10);
        }

        public float Run()
        {
            using var scope = NewDisposeScope();
            _optimizer.zero_grad();
            var loss = nn.functional.cross_entropy(_net.forward(_images), _labels);
            loss.backward();
            _optimizer.step();
            return loss.item<float>();
        }

        public void Infer(float[] logits)
        {
            using var scope = NewDisposeScope();
            using var mode = inference_mode();
            _net.forward(_images).data<float>().CopyTo(logits);
        }

        public void Dispose()
        {
            _optimizer.Dispose();
            _net.Dispose();
            _images.Dispose();
            _labels.Dispose();
        }
    }
}
