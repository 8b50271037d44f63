using static RawDL.Benchmarks.KernelWorkload;

namespace RawDL.Benchmarks;

/// <summary>Functions of each of 4 million elements (16 MiB, larger than most caches), sums, and the bias of a layer.</summary>
internal static class ElementwiseKernels
{
    private static readonly Shape s_shape = new(4096, 1024);

    public static KernelWorkload[] All =>
    [
        .. Unary("ReLU", new ReluOp()), .. Unary("tanh", new TanhOp()), .. Unary("sigmoid", new SigmoidOp()), .. Unary("exp", new ExpOp()), .. Unary("GELU", new GeluOp()),
        KernelWorkload.Moving("add", 3.0 * s_shape.Count, (cpu, tape) =>
        {
            var (a, b, y) = (Filled(tape, s_shape), Filled(tape, s_shape), tape.Allocate(s_shape));
            return () => cpu.BinaryForward<AddOp>(new BroadcastGeometry(1, s_shape.Count, 1), a, b, y);
        }),
        KernelWorkload.Moving("add a row", 2.0 * s_shape.Count, (cpu, tape) =>
        {
            var (a, b, y) = (Filled(tape, s_shape), Filled(tape, new(s_shape[1])), tape.Allocate(s_shape));
            return () => cpu.BinaryForward<AddOp>(new BroadcastGeometry(s_shape[0], s_shape[1], 1), a, b, y);
        }),
        KernelWorkload.Moving("sum of each row", s_shape.Count, (cpu, tape) =>
        {
            var (x, y) = (Filled(tape, s_shape), tape.Allocate(new(s_shape[0])));
            return () => cpu.Sum(new ReduceGeometry(s_shape[0], s_shape[1], 1), x, y, 1f, Store.Overwrite);
        }),
        KernelWorkload.Moving("fill", s_shape.Count, (cpu, tape) =>
        {
            var x = tape.Allocate(s_shape);
            return () => cpu.Fill(x, 0f);
        }),
    ];

    private static KernelWorkload[] Unary<TOp>(string name, TOp op) where TOp : unmanaged, IUnaryOp =>
    [
        KernelWorkload.Moving(name, 2.0 * s_shape.Count, (cpu, tape) =>
        {
            var (x, y) = (Filled(tape, s_shape), tape.Allocate(s_shape));
            return () => cpu.UnaryForward(op, x, y);
        }),
        // Reads x or y, dy and dx, writes dx.
        KernelWorkload.Moving($"{name}, backward", 4.0 * s_shape.Count, (cpu, tape) =>
        {
            var (x, y, dx) = (Filled(tape, s_shape), Filled(tape, s_shape), tape.AllocateZero(s_shape));
            return () => cpu.UnaryBackward(op, x, y, y, dx);
        }),
    ];
}
