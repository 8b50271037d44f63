using System.Text;

namespace RawDL.Cuda.Tests;

/// <summary>Drivers of devices that need no GPU: the emulated one, and the binding of NVIDIA's over a stand-in (Kernels/fake_cuda.cu).</summary>
internal static unsafe class Drivers
{
    private static readonly string[] s_sources = [Path("driver.cu"), Path("fake_cuda.cu")];
    private static readonly Lazy<EmulatedLibrary> s_library = new(() => EmulatedLibrary.Load(ModuleSource.Embedded.With(s_sources), KernelCache.Open(), []));

    public static Driver Emulated(long? memoryLimit = null) => new EmulatedDriver(memoryLimit, s_sources);

    public static NativeDriver Native(bool waits = false, byte[]? image = null) => new(Cuda(), 0, (_, _) => image ?? "\u007fELF"u8.ToArray(), waits);

    public static CudaLibrary Cuda()
    {
        ((delegate* unmanaged<void>)s_library.Value.Export("fake_reset"))();
        ((delegate* unmanaged<nuint, void>)s_library.Value.Export("fake_free_bytes"))(1u << 30);
        return new CudaLibrary("fake", Find);
    }

    public static nint Find(string name)
    {
        try
        {
            return s_library.Value.Export(name);
        }
        catch (CudaException)
        {
            return 0;
        }
    }

    /// <summary>The next call of that function fails.</summary>
    public static void Fail(string call, int code)
    {
        fixed (byte* name = Encoding.ASCII.GetBytes(call + '\0')) ((delegate* unmanaged<byte*, int, void>)Find("fake_fail"))(name, code);
    }

    /// <summary>The device has so many bytes left.</summary>
    public static void Leave(nuint bytes) => ((delegate* unmanaged<nuint, void>)Find("fake_free_bytes"))(bytes);

    /// <summary>Launches a kernel of (int count, float* y) in one block.</summary>
    public static void Launch(Driver driver, string name, int count, ulong y)
    {
        void** arguments = stackalloc void*[2] { &count, &y };
        driver.Launch(driver.Load("driver", name), new Grid(1), 0, arguments);
    }

    /// <summary>Handles, blocks and contexts that were not given back.</summary>
    public static int Live() => ((delegate* unmanaged<int>)Find("fake_live"))();

    private static string Path(string name) => System.IO.Path.Combine(Required.Repository(), "tests", "RawDL.Cuda.Tests", "Kernels", name);
}
