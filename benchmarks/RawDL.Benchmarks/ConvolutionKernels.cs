using static RawDL.Benchmarks.KernelWorkload;

namespace RawDL.Benchmarks;

/// <summary>LeNet's convolutions at batch 64, counted dense: each kernel alone.</summary>
internal static class ConvolutionKernels
{
    public static KernelWorkload[] All => [.. ConvolutionWorkload.All.SelectMany(Of)];

    private static KernelWorkload[] Of(ConvolutionWorkload work)
    {
        var geometry = work.Geometry;
        Shape places = new(geometry.Batch, geometry.OutChannels, geometry.OutHeight, geometry.OutWidth), channels = new(geometry.OutChannels);
        KernelWorkload Row(string name, Func<CpuDevice, Tape, Action> open) => new($"{work.Name} {name}", work.Amount, work.Unit, open);
        return
        [
            Row("forward", (cpu, tape) =>
            {
                var (x, weight, bias, y) = (Filled(tape, work.X), Filled(tape, work.Weight), Filled(tape, channels), tape.Allocate(places));
                return () => cpu.Conv2dForward(geometry, x, weight, bias, y);
            }),
            Row("backward weight", (cpu, tape) =>
            {
                var (x, weight, dy) = (Filled(tape, work.X), tape.AllocateZero(work.Weight), Filled(tape, places));
                return () => cpu.Conv2dBackwardWeight(geometry, x, dy, weight);
            }),
            Row("backward input", (cpu, tape) =>
            {
                var (dx, weight, dy) = (tape.AllocateZero(work.X), Filled(tape, work.Weight), Filled(tape, places));
                return () => cpu.Conv2dBackwardInput(geometry, weight, dy, dx);
            }),
            KernelWorkload.Moving($"{work.Name} backward bias", places.Count, (cpu, tape) =>
            {
                var (dy, bias) = (Filled(tape, places), tape.AllocateZero(channels));
                BroadcastGeometry each = new(geometry.Batch, geometry.OutChannels, geometry.OutHeight * geometry.OutWidth);
                return () => cpu.BinaryBackwardRight<AddOp>(each, dy, bias, dy, bias);
            }),
        ];
    }
}
