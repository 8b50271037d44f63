namespace RawDL.Cuda;

/// <summary>Numbers of cuda.h's CUresult.</summary>
internal static class CudaError
{
    internal const int OutOfMemory = 2, UncorrectableMemory = 214, NotReady = 600, IllegalAddress = 700, LaunchTimeout = 702, ContextIsDestroyed = 709, Assert = 710,
        LaunchFailed = 719, TensorMemoryLeak = 721;
}
