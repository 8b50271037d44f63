// Runs the hot kernels of the processor once. What the JIT makes of them is written by DOTNET_JitDisasm, DOTNET_JitStdOutFile.
using RawDL;
using RawDL.NN;

using var device = new CpuDevice(1);
using var tape = new Tape(device);

// Channels and filters that take every tile and every piece: run lengths of 5, 9, 64, 120 floats.
foreach (var (channels, kernel, outputs) in new[] { (1, 5, 20), (3, 3, 4), (20, 5, 50), (64, 1, 8) })
{
    var x = tape.Variable(new float[2 * channels * 12 * 16], new Shape(2, channels, 12, 16));
    var weight = tape.Variable(new float[outputs * channels * kernel * kernel], new Shape(outputs, channels, kernel, kernel));
    tape.Backward(x.Conv2d(weight));
    tape.Backward(x.Conv2dReluMaxPool2d(weight));
}
// Rows, columns and depths that take whole tiles, small ones and narrow ones, of operands that are packed and that are not.
foreach (var (rows, columns, depth) in new[] { (16, 64, 300), (16, 64, 301), (4, 64, 300), (16, 3, 300), (16, 12, 300), (1, 130, 300), (1, 70, 300), (120, 512, 512) })
    tape.Variable(new float[rows * depth], new Shape(rows, depth)).MatMul(tape.Variable(new float[depth * columns], new Shape(depth, columns)));
// Every rule on a segment of every kind.
var layer = new Linear(8);
layer.Bind(new Shape(8));
foreach (var name in Optimizer.Names)
    foreach (var regularization in new Regularization[] { new(), new() { L2 = 0.1f }, new() { L1 = 0.1f } })
    {
        using var parameters = ParameterSet.Allocate(layer, device, 0);
        using var optimizer = Optimizer.Parse(name);
        optimizer.Regularization = regularization;
        optimizer.Attach(parameters);
        optimizer.Step(1, optimizer.LearningRate);
    }
