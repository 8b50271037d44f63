namespace RawDL.Cuda;

/// <summary>A call of the CUDA driver, NVRTC or cuBLAS that failed. One line: <c>conv2d_forward&lt;&lt;&lt;(98, 64, 1), 256&gt;&gt;&gt; at cuLaunchKernel: CUDA_ERROR_INVALID_VALUE (1)</c>.</summary>
public sealed class CudaException(string message, bool isOutOfMemory = false, bool isDeviceLost = false) : Exception(message)
{
    /// <summary>The device has no memory left; everything in it is still whole.</summary>
    public bool IsOutOfMemory { get; } = isOutOfMemory;

    /// <summary>A kernel has failed so that the driver refuses all further work of this process; what was on the device is lost.</summary>
    public bool IsDeviceLost { get; } = isDeviceLost;
}
