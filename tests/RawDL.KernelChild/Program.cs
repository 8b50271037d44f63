// Runs the hot kernels of the processor once. What the JIT makes of them is written by DOTNET_JitDisasm, DOTNET_JitStdOutFile.
using RawDL;

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
// Rows and columns that take whole tiles, small ones and narrow ones.
foreach (var (rows, columns) in new[] { (16, 64), (4, 64), (16, 3) })
    tape.Variable(new float[rows * 300], new Shape(rows, 300)).MatMul(tape.Variable(new float[300 * columns], new Shape(300, columns)));
