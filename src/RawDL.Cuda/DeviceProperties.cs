namespace RawDL.Cuda;

/// <summary>What a CUDA device is.</summary>
/// <param name="Name">The maker's name: NVIDIA H200.</param>
/// <param name="Major">Compute capability, major number.</param>
/// <param name="Minor">Compute capability, minor number.</param>
/// <param name="Multiprocessors">Streaming multiprocessors.</param>
/// <param name="MemoryBytes">Device memory.</param>
/// <param name="SharedBytes">The most shared memory of a block.</param>
/// <param name="ClockKilohertz">Highest clock of the multiprocessors; 0 where unknown.</param>
public sealed record DeviceProperties(string Name, int Major, int Minor, int Multiprocessors, long MemoryBytes, int SharedBytes, int ClockKilohertz)
{
    /// <summary>Bytes per second between the multiprocessors and the device's memory; 0 where unknown.</summary>
    public double MemoryBandwidth { get; init; }

    /// <summary>Floating-point operations per second at the highest clock; 0 where unknown.</summary>
    /// <remarks>Fused multiply-adds per clock and multiprocessor, two operations each: NVIDIA, CUDA C++ Programming Guide, arithmetic instructions; tensor cores from the
    /// white papers of A100 (8.0: 512 TF32, 1024 bfloat16) and H100 (9.0: 1024 and 2048).</remarks>
    public double PeakFlops(GemmPrecision precision)
    {
        var perClock = (Major * 10 + Minor, precision) switch
        {
            (80, GemmPrecision.Tf32) => 512,
            (80, GemmPrecision.BFloat16) => 1024,
            (90, GemmPrecision.Tf32) => 1024,
            (90, GemmPrecision.BFloat16) => 2048,
            // A product takes three on the tensor cores.
            (80, GemmPrecision.Float32By3xTf32) => 512 / 3.0,
            (90, GemmPrecision.Float32By3xTf32) => 1024 / 3.0,
            (70 or 72 or 75 or 80, GemmPrecision.Float32) => 64,
            (86 or 87 or 89 or 90 or 100 or 103 or 120, GemmPrecision.Float32) => 128,
            _ => 0,
        };
        return 2.0 * perClock * Multiprocessors * ClockKilohertz * 1e3;
    }

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Name}, sm_{Major}{Minor}, {Multiprocessors} multiprocessors, {MemoryBytes >> 20} MiB");
}
