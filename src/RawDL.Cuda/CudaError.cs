namespace RawDL.Cuda;

/// <summary>Numbers of cuda.h's CUresult.</summary>
internal static class CudaError
{
    internal const int OutOfMemory = 2, UncorrectableMemory = 214, NotReady = 600, IllegalAddress = 700, LaunchTimeout = 702, ContextIsDestroyed = 709, Assert = 710,
        StackError = 714, LaunchFailed = 719, TensorMemoryLeak = 721;

    /// <summary>After these the driver returns the same error from every call of the process (cuda.h, at each of them).</summary>
    internal static bool IsSticky(int code) => code is UncorrectableMemory or IllegalAddress or LaunchTimeout or ContextIsDestroyed or Assert or (>= StackError and <= LaunchFailed) or TensorMemoryLeak;

    /// <summary>The exception of a failed call.</summary>
    internal static CudaException Exception(int code, string call, string name)
    {
        var lost = IsSticky(code);
        return new CudaException($"{call}: {name}{(lost ? "; this process must be started again to use the device" : "")}", code == OutOfMemory, lost);
    }
}
