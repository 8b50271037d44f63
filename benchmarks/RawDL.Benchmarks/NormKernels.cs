using static RawDL.Benchmarks.KernelWorkload;

namespace RawDL.Benchmarks;

/// <summary>Normalisations of images [32, 64, 32, 32] and of rows [4096, 512].</summary>
internal static class NormKernels
{
    private static readonly Shape s_images = new(32, 64, 32, 32), s_rows = new(4096, 512);
    private static readonly Shape s_channels = new(64), s_features = new(512);

    public static KernelWorkload[] All
    {
        get
        {
            NormGeometry batch = new(32, 64, 1024, 1e-5f), layer = new(4096, 512, 1, 1e-5f);
            LocalResponseGeometry local = new(32, 64, 1024, 5, 1e-4f, 0.75f, 2f);
            double images = s_images.Count, rows = s_rows.Count;
            return
            [
                // The batch is read for its sums and again to be normalised.
                KernelWorkload.Moving("batch norm, training", 3 * images, (cpu, tape) =>
                {
                    var (x, y, scale, shift) = (Filled(tape, s_images), tape.Allocate(s_images), Filled(tape, s_channels), Filled(tape, s_channels));
                    var (mean, variance, statistics) = (Filled(tape, s_channels), Filled(tape, s_channels), tape.Allocate(new(2, 64)));
                    return () => cpu.BatchNormForward(batch, x, scale, shift, mean, variance, 0.1f, statistics, y);
                }),
                KernelWorkload.Moving("batch norm, inference", 2 * images, (cpu, tape) =>
                {
                    var (x, y, scale, shift) = (Filled(tape, s_images), tape.Allocate(s_images), Filled(tape, s_channels), Filled(tape, s_channels));
                    var (mean, variance) = (Filled(tape, s_channels), Filled(tape, s_channels));
                    return () => cpu.BatchNormInference(batch, x, scale, shift, mean, variance, y);
                }),
                KernelWorkload.Moving("batch norm, backward", 6 * images, (cpu, tape) =>
                {
                    var (x, dy, dx, scale) = (Filled(tape, s_images), Filled(tape, s_images), tape.AllocateZero(s_images), Filled(tape, s_channels));
                    var (statistics, dscale, dshift) = (Filled(tape, new(2, 64)), tape.AllocateZero(s_channels), tape.AllocateZero(s_channels));
                    return () => cpu.BatchNormBackward(batch, x, scale, statistics, dy, dx, dscale, dshift);
                }),
                KernelWorkload.Moving("layer norm", 2 * rows, (cpu, tape) =>
                {
                    var (x, y, scale, shift) = (Filled(tape, s_rows), tape.Allocate(s_rows), Filled(tape, s_features), Filled(tape, s_features));
                    var statistics = tape.Allocate(new(2, 4096));
                    return () => cpu.LayerNormForward(layer, x, scale, shift, statistics, y);
                }),
                KernelWorkload.Moving("layer norm, backward", 4 * rows, (cpu, tape) =>
                {
                    var (x, dy, dx, scale) = (Filled(tape, s_rows), Filled(tape, s_rows), tape.AllocateZero(s_rows), Filled(tape, s_features));
                    var (statistics, dscale, dshift) = (Filled(tape, new(2, 4096)), tape.AllocateZero(s_features), tape.AllocateZero(s_features));
                    return () => cpu.LayerNormBackward(layer, x, scale, statistics, dy, dx, dscale, dshift);
                }),
                KernelWorkload.Moving("local response norm", 3 * images, (cpu, tape) =>
                {
                    var (x, y, denominator) = (Filled(tape, s_images), tape.Allocate(s_images), tape.Allocate(s_images));
                    return () => cpu.LocalResponseNormForward(local, x, denominator, y);
                }),
            ];
        }
    }
}
