namespace RawDL.Benchmarks;

/// <summary>Pooling of 2 by 2 as in LeNet at batch 64, and of 3 by 3 with overlap.</summary>
internal static class PoolKernels
{
    public static KernelWorkload[] All =>
        [.. Of("20 of 24x24", new(64, 20, 24, 24), 2, 2), .. Of("50 of 8x8", new(64, 50, 8, 8), 2, 2), .. Of("64 of 56x56, 3x3", new(16, 64, 56, 56), 3, 2)];

    private static KernelWorkload[] Of(string name, Shape shape, int size, int stride)
    {
        var pool = Pool2dGeometry.Resolve("pool", shape, (size, size), (stride, stride), (0, 0));
        Shape pooled = new(shape[0], shape[1], pool.OutHeight, pool.OutWidth);
        // The places of the maxima are numbers of four bytes.
        double dense = shape.Count, few = pooled.Count;
        return
        [
            KernelWorkload.Moving($"max-pool {name}", dense + 2 * few, (cpu, tape) =>
            {
                var (x, y, argmax) = (KernelWorkload.Filled(tape, shape), tape.Allocate(pooled), tape.Allocate(pooled));
                return () => cpu.MaxPool2dForward(pool, x, y, argmax);
            }),
            KernelWorkload.Moving($"max-pool {name}, backward", 2 * dense + 2 * few, (cpu, tape) =>
            {
                var (x, dy, argmax) = (KernelWorkload.Filled(tape, shape), KernelWorkload.Filled(tape, pooled), tape.Allocate(pooled));
                cpu.MaxPool2dForward(pool, x, dy, argmax);
                return () => cpu.MaxPool2dBackward(pool, argmax, dy, x);
            }),
            KernelWorkload.Moving($"average-pool {name}", dense + few, (cpu, tape) =>
            {
                var (x, y) = (KernelWorkload.Filled(tape, shape), tape.Allocate(pooled));
                return () => cpu.AveragePool2dForward(pool, x, y);
            }),
            KernelWorkload.Moving($"average-pool {name}, backward", 2 * dense + few, (cpu, tape) =>
            {
                var (dx, dy) = (tape.AllocateZero(shape), KernelWorkload.Filled(tape, pooled));
                return () => cpu.AveragePool2dBackward(pool, dy, dx);
            }),
        ];
    }
}
