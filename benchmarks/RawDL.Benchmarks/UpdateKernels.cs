using RawDL.NN;

namespace RawDL.Benchmarks;

/// <summary>One step of the optimizers over LeNet's parameters and over 16 million (64 MiB each), beside copies of as many: by the runtime on one thread, by the device on all.</summary>
internal static unsafe class UpdateKernels
{
    private static readonly int s_leNet = LeNetWidths.Standard.Shapes.Sum(shape => shape.Count);
    private const int Large = 1 << 24;

    public static KernelWorkload[] All => [.. Of("LeNet", s_leNet), .. Of("16M", Large)];

    private static KernelWorkload[] Of(string name, int count) =>
    [
        KernelWorkload.Moving($"memcpy, one thread, {name}", 2.0 * count, (cpu, tape) =>
        {
            var (from, to) = (KernelWorkload.Filled(tape, new(count)), tape.Allocate(new(count)));
            return () => new ReadOnlySpan<float>(cpu.HostAddress(from), count).CopyTo(new Span<float>(cpu.HostAddress(to), count));
        }),
        KernelWorkload.Moving($"copy, {name}", 2.0 * count, (cpu, tape) =>
        {
            var (from, to) = (KernelWorkload.Filled(tape, new(count)), tape.Allocate(new(count)));
            return () => cpu.UnaryForward(new ScaleOp(1f), from, to);
        }),
        Rule($"SGD, {name}", count, new SgdRule(1e-9f)),
        Rule($"momentum, {name}", count, new MomentumRule(1e-9f, 0.9f)),
        Rule($"Adam, {name}", count, new AdamRule(1e-9f, 0.9f, 0.1f, 0.999f, 0.001f, 1f, 1e-8f)),
    ];

    // Reads value, gradient and states, writes value and states.
    private static KernelWorkload Rule<TRule>(string name, int count, TRule rule) where TRule : unmanaged, IUpdateRule =>
        KernelWorkload.Moving(name, (3.0 + 2 * TRule.StateCount) * count, (cpu, tape) =>
        {
            Shape shape = new(count);
            var (values, gradients) = (KernelWorkload.Filled(tape, shape), KernelWorkload.Filled(tape, shape));
            Tensor? first = TRule.StateCount > 0 ? tape.AllocateZero(shape) : null, second = TRule.StateCount > 1 ? tape.AllocateZero(shape) : null;
            UpdateSegment[] segments = [new(0, count, 1f, float.PositiveInfinity, 0f, 0f, 0f)];
            return () => cpu.Update(rule, segments, values, gradients, first, second, null);
        });
}
