using RawDL.Benchmarks;

namespace RawDL.Peers;

/// <summary>RawDL on the CPU.</summary>
internal sealed class RawDLSide : Side
{
    public RawDLSide(string file)
    {
        using var device = new CpuDevice();
        using var step = new LeNetStep(device, SharedData.Batch);
        new SharedData(step.Parameters, step.Images.ToArray(), Logits()).Write(file);
    }

    public override string Version => $"RawDL ({CpuDevice.InstructionSet})";

    public override Work MatMul(int rows, int columns, int inner, int threads)
    {
        var device = new CpuDevice(threads);
        var tape = new Tape(device, TapeMode.Inference);
        Tensor a = tape.Input(Numbers(rows * inner), new(rows, inner)), b = tape.Input(Numbers(inner * columns), new(inner, columns));
        var c = tape.Allocate(new(rows, columns));
        var geometry = new MatMulGeometry(rows, columns, inner, Transpose.None);
        return new Work(2.0 * rows * columns * inner, () => device.MatMul(geometry, a, b, c, Store.Overwrite), device, tape);
    }

    public override Work Training(int batch, int threads, LeNetWidths widths)
    {
        var device = new CpuDevice(threads);
        var step = new LeNetStep(device, batch, widths);
        return new Work(batch, () => step.Run(), device, step);
    }

    public override Work Inference(int batch, int threads)
    {
        var device = new CpuDevice(threads);
        var step = new LeNetStep(device, batch);
        var logits = new float[batch * 10];
        return new Work(batch, () => step.Infer(logits), device, step);
    }

    public override Work Layer(int number, int batch, int threads)
    {
        var device = new CpuDevice(threads);
        Tape kept = new(device), tape = new(device);
        var (shape, filters) = number == 1 ? (new Shape(batch, 1, 28, 28), new Shape(20, 1, 5, 5)) : (new Shape(batch, 20, 12, 12), new Shape(50, 20, 5, 5));
        Tensor x = kept.Variable(Numbers(shape.Count), shape), weight = kept.Variable(Numbers(filters.Count), filters), bias = kept.Variable(Numbers(filters[0]), new(filters[0]));
        // The images want no gradient.
        var images = number == 1 ? null : x.Gradient;
        return new Work(batch, () =>
        {
            tape.Reset();
            images?.Fill(0f);
            weight.Gradient!.Fill(0f);
            bias.Gradient!.Fill(0f);
            tape.Backward(new Tensor(x.Buffer, x.Offset, shape, tape) { Gradient = images }.Conv2dReluMaxPool2d(weight, bias));
        }, device, kept, tape);
    }

    public override float[] Logits()
    {
        using var device = new CpuDevice();
        using var step = new LeNetStep(device, SharedData.Batch);
        var logits = new float[SharedData.Batch * 10];
        step.Infer(logits);
        return logits;
    }

    public override double? Loss(int steps)
    {
        using var device = new CpuDevice();
        using var step = new LeNetStep(device, SharedData.Batch);
        for (var i = 0; i < steps; i++) step.Run();
        return step.Run();
    }

    public override double? StepBytes(int batch)
    {
        using var device = new CpuDevice();
        using var step = new LeNetStep(device, batch);
        var before = device.LiveBytes;
        step.Run();
        return device.LiveBytes - before;
    }
}
