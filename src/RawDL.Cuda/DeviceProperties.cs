namespace RawDL.Cuda;

/// <summary>What a CUDA device is.</summary>
/// <param name="Name">The maker's name: NVIDIA H200.</param>
/// <param name="Major">Compute capability, major number.</param>
/// <param name="Minor">Compute capability, minor number.</param>
/// <param name="Multiprocessors">Streaming multiprocessors.</param>
/// <param name="MemoryBytes">Device memory.</param>
/// <param name="SharedBytes">The most shared memory of a block.</param>
/// <param name="ClockKilohertz">Highest clock of the multiprocessors; 0 where unknown.</param>
public sealed record DeviceProperties(string Name, int Major, int Minor, int Multiprocessors, long MemoryBytes, int SharedBytes, int ClockKilohertz);
