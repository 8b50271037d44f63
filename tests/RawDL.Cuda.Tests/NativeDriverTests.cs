using System.Diagnostics;

namespace RawDL.Cuda.Tests;

/// <summary>The binding of NVIDIA's driver and of cuBLAS, over stand-ins with the signatures of cuda.h and cublas_api.h: errors, lost devices, products.</summary>
internal sealed unsafe class NativeDriverTests
{
    [OneTimeSetUp]
    public void RequireEmulator() => Required.Emulator();

    [TearDown]
    public void EverythingIsGivenBack() => Assert.That(Drivers.Live(), Is.Zero);

    [Test]
    public void DescribesTheDevice()
    {
        var cuda = Drivers.Cuda();
        Assert.That(cuda.Start(out _));
        Assert.That(NativeDriver.List(cuda), Is.EqualTo(new[] { new DeviceProperties("Fake", 9, 0, 4, 80L << 30, 232448, 1980000) { MemoryBandwidth = 2e3 * 3201000 * 6144 / 8 } }));
        Assert.That(NativeDriver.Version(cuda), Is.EqualTo(12040));
    }

    [Test]
    public void TellsWhyThereIsNoDevice()
    {
        var cuda = Drivers.Cuda();
        Drivers.Fail("cuInit", 100);
        Assert.That(cuda.Start(out var reason), Is.False);
        Assert.That(reason, Is.EqualTo("none (cuInit: CUDA_ERROR_NO_DEVICE (100))"));
    }

    [Test]
    public void RefusesAnOldDriver() =>
        Assert.That(() => new CudaLibrary("libcuda.so.1", name => name == "cuGraphInstantiateWithFlags" ? 0 : Drivers.Find(name)),
            Throws.TypeOf<CudaException>().With.Message.EqualTo("expected a driver of CUDA 11.4 or newer, got libcuda.so.1 without cuGraphInstantiateWithFlags"));

    [Test]
    public void OutOfMemoryLeavesEverythingWhole()
    {
        using var driver = Drivers.Native();
        Drivers.Leave(1000);
        Assert.That(() => driver.Allocate(2000), Throws.TypeOf<CudaException>().With.Property(nameof(CudaException.IsOutOfMemory)).True
            .And.Message.EqualTo("cuMemAlloc of 2000 bytes with 1000 of 85899345920 free: CUDA_ERROR_OUT_OF_MEMORY (2)"));
        Assert.That(driver.IsLost, Is.False);
        driver.Free(driver.Allocate(1000));
    }

    [Test]
    public void AStickyErrorLosesTheDevice()
    {
        var device = new CudaDevice(Drivers.Native(), "cuda:0");
        var buffer = device.Allocate(4);
        Drivers.Fail("cuStreamSynchronize", 700);
        Assert.That(device.Synchronize, Throws.TypeOf<CudaException>().With.Property(nameof(CudaException.IsDeviceLost)).True
            .And.Message.EqualTo("cuStreamSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS (700); this process must be started again to use the device"));
        // What cleans up after it does not hide it.
        buffer.Dispose();
        Assert.That(device.Dispose, Throws.Nothing);
        Forget();
    }

    [TestCase(false, "driver_overrun<<<(1, 1, 1), 32>>> or an earlier kernel at cuLaunchKernel: CUDA_ERROR_LAUNCH_FAILED (719)")]
    [TestCase(true, "driver_overrun<<<(1, 1, 1), 32>>> at cuLaunchKernel: CUDA_ERROR_LAUNCH_FAILED (719)")]
    public void AFailedKernelIsNamed(bool waits, string message)
    {
        var driver = Drivers.Native(waits);
        var y = driver.Allocate(16);
        Assert.That(() => Drivers.Launch(driver, "driver_overrun", 4, y), Throws.TypeOf<CudaException>().With.Message.StartsWith(message));
        Assert.That(driver.IsLost);
        driver.Free(y);
        Assert.That(driver.Dispose, Throws.Nothing);
        Forget();
    }

    [Test]
    public void AWrongImageIsNamed()
    {
        using var driver = Drivers.Native(image: new byte[16]);
        Assert.That(() => driver.Load("driver", "driver_scale"), Throws.TypeOf<CudaException>().With.Message.EqualTo("kernels/driver.cu at cuModuleLoadData: error 200"));
    }

    [Test]
    public void AnAbandonedCaptureIsEnded()
    {
        var driver = Drivers.Native();
        driver.BeginCapture();
        driver.Dispose();
    }

    [Test]
    public void CuBlasMissingIsOneLine()
    {
        using var driver = Drivers.Native();
        if (Environment.GetEnvironmentVariable(CuBlas.Variable) is not null) Assert.Ignore($"{CuBlas.Variable} is set");
        Environment.SetEnvironmentVariable(CuBlas.Variable, "/nowhere/libcublas.so");
        try
        {
            Assert.That(driver.OpenCuBlas, Throws.TypeOf<CudaException>().With.Message.EqualTo(
                "--gemm cublas: expected NVIDIA's cuBLAS, got RAWDL_CUBLAS_LIBRARY=/nowhere/libcublas.so, which cannot be loaded; install it, name it in RAWDL_CUBLAS_LIBRARY, or leave the option out"));
        }
        finally
        {
            Environment.SetEnvironmentVariable(CuBlas.Variable, null);
        }
        using var emulated = Drivers.Emulated();
        Assert.That(emulated.OpenCuBlas, Throws.TypeOf<CudaException>().With.Message.EqualTo("--gemm cublas: expected an NVIDIA device, got the emulated one"));
    }

    [Test]
    public void CuBlasMultipliesRowMajorMatrices([Values] Transpose transpose, [Values] Store store, [Values(GemmPrecision.Float32, GemmPrecision.Tf32)] GemmPrecision precision)
    {
        using var driver = Drivers.Native();
        using var blas = OpenFake(driver);
        Assert.That(blas.Version, Is.EqualTo(120405));
        var geometry = new MatMulGeometry(3, 4, 5, transpose);
        float[] a = Integers(15, 1), b = Integers(20, 2), c = Integers(12, 3), expected = (float[])c.Clone();
        for (var i = 0; i < 3; i++)
        {
            for (var j = 0; j < 4; j++)
            {
                float sum = 0;
                for (var k = 0; k < 5; k++) sum += a[transpose.HasFlag(Transpose.Left) ? k * 3 + i : i * 5 + k] * b[transpose.HasFlag(Transpose.Right) ? j * 5 + k : k * 4 + j];
                expected[4 * i + j] = store == Store.Add ? expected[4 * i + j] + sum : sum;
            }
        }
        ulong da = Upload(driver, a), db = Upload(driver, b), dc = Upload(driver, c);
        blas.Gemm(geometry, da, db, dc, store, precision);
        fixed (float* target = c) driver.Download(target, dc, 48);
        Assert.That(c, Is.EqualTo(expected));
        driver.Free(da);
        driver.Free(db);
        driver.Free(dc);
    }

    [Test]
    public void CuBlasTakesBFloat16()
    {
        using var driver = Drivers.Native();
        using var blas = OpenFake(driver);
        // 1 and 2 in bfloat16: [1 2; 1 1] · [2 1; 1 1].
        ulong a = Upload(driver, Pair(0x3F80, 0x4000), Pair(0x3F80, 0x3F80)), b = Upload(driver, Pair(0x4000, 0x3F80), Pair(0x3F80, 0x3F80)), c = Upload(driver, 0, 0, 0, 0);
        blas.GemmBFloat16(new MatMulGeometry(2, 2, 2, Transpose.None), a, b, c, Store.Overwrite);
        var values = new float[4];
        fixed (float* target = values) driver.Download(target, c, 16);
        Assert.That(values, Is.EqualTo(new float[] { 4, 3, 3, 2 }));
        driver.Free(a);
        driver.Free(b);
        driver.Free(c);

        static float Pair(uint low, uint high) => BitConverter.UInt32BitsToSingle(low | high << 16);
    }

    // The stand-in knows nothing of a process that ended: its blocks are still there.
    private static void Forget() => ((delegate* unmanaged<void>)Drivers.Find("fake_forget"))();

    private static CuBlas OpenFake(NativeDriver driver)
    {
        var folder = Directory.CreateTempSubdirectory("rawdl-").FullName;
        var library = Path.Combine(folder, "libcublas.so");
        try
        {
            using (var compiler = Process.Start("g++", ["-x", "c", "-O1", "-shared", "-fPIC", "-o", library, Path.Combine(Required.Repository(), "tests", "RawDL.Cuda.Tests", "fake_cublas.c")])) compiler.WaitForExit();
            Environment.SetEnvironmentVariable(CuBlas.Variable, library);
            return driver.OpenCuBlas();
        }
        finally
        {
            Environment.SetEnvironmentVariable(CuBlas.Variable, null);
            Directory.Delete(folder, recursive: true);
        }
    }

    private static float[] Integers(int count, int seed) => [.. Enumerable.Range(0, count).Select(i => (float)((i * 7 + seed * 3) % 5 - 2))];

    private static ulong Upload(Driver driver, params float[] values)
    {
        var address = driver.Allocate(4 * (nuint)values.Length);
        fixed (float* source = values) driver.Upload(address, source, 4 * (nuint)values.Length);
        return address;
    }
}
