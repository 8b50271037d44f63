namespace RawDL.Cuda;

/// <summary>Whose matrix products a CUDA device uses.</summary>
public enum GemmLibrary
{
    /// <summary>The kernels of this project.</summary>
    RawDL,

    /// <summary>NVIDIA's cuBLAS, which must be installed.</summary>
    CuBlas,
}

/// <summary>How a CUDA device is opened.</summary>
public sealed record CudaOptions
{
    /// <summary>Whose matrix products are used.</summary>
    public GemmLibrary Gemm { get; init; }

    /// <summary>What the products of matrix products are made of.</summary>
    public GemmPrecision Precision { get; init; }

    /// <summary>Kernels carry the lines of their sources, for profilers. They are cached apart.</summary>
    public bool LineInfo { get; init; }

    /// <summary>Waits after every launch, so that a failure names the kernel that caused it. Slow.</summary>
    public bool WaitAfterLaunch { get; init; }

    /// <summary>Bytes of memory of the emulated device; null: those of the machine.</summary>
    public long? MemoryLimit { get; init; }

    /// <summary>Told once of what is amiss but not fatal, such as a cache folder that cannot be used.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>Told of each module that NVRTC compiles at its first use, which takes seconds.</summary>
    public Action<string>? Compiling { get; init; }
}
