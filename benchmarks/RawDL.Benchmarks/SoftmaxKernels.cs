namespace RawDL.Benchmarks;

/// <summary>Softmax and softmax cross-entropy: few classes and many.</summary>
internal static class SoftmaxKernels
{
    public static KernelWorkload[] All => [.. Of(65536, 10), .. Of(1024, 1000)];

    private static KernelWorkload[] Of(int rows, int classes)
    {
        Shape shape = new(rows, classes);
        double all = shape.Count;
        CrossEntropyGeometry cross = new(rows, classes, 0f);
        ReduceGeometry reduce = new(rows, classes, 1);
        return
        [
            KernelWorkload.Moving($"softmax {rows}x{classes}", 2 * all, (cpu, tape) =>
            {
                var (x, y) = (KernelWorkload.Filled(tape, shape), tape.Allocate(shape));
                return () => cpu.SoftmaxForward(reduce, SoftmaxKind.Softmax, x, y);
            }),
            KernelWorkload.Moving($"softmax {rows}x{classes}, backward", 4 * all, (cpu, tape) =>
            {
                var (y, dy, dx) = (KernelWorkload.Filled(tape, shape), KernelWorkload.Filled(tape, shape), tape.AllocateZero(shape));
                return () => cpu.SoftmaxBackward(reduce, SoftmaxKind.Softmax, y, dy, dx);
            }),
            KernelWorkload.Moving($"softmax cross-entropy {rows}x{classes}", 2 * all + 2 * rows, (cpu, tape) =>
            {
                var (x, y, labels, losses) = (KernelWorkload.Filled(tape, shape), tape.Allocate(shape), Labels(tape), tape.Allocate(new(rows)));
                return () => cpu.SoftmaxCrossEntropyForward(cross, x, labels, y, losses);
            }),
            KernelWorkload.Moving($"softmax cross-entropy {rows}x{classes}, backward", 3 * all + 2 * rows, (cpu, tape) =>
            {
                var (y, labels, losses, dx) = (KernelWorkload.Filled(tape, shape), Labels(tape), KernelWorkload.Filled(tape, new(rows)), tape.AllocateZero(shape));
                return () => cpu.SoftmaxCrossEntropyBackward(cross, labels, y, losses, dx);
            }),
        ];

        Tensor Labels(Tape tape) => tape.Labels([.. Enumerable.Range(0, rows).Select(row => row % classes)]);
    }
}
