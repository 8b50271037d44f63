namespace RawDL.Cuda.Tests;

/// <summary>What the emulated device finds beyond a GPU, and the pool over it.</summary>
internal sealed unsafe class EmulatedDriverTests
{
    [OneTimeSetUp]
    public void RequireEmulator() => Required.Emulator();

    [Test]
    public void AWriteBehindABlockIsToldByTheLaunch()
    {
        using var driver = Drivers.Emulated();
        var y = driver.Allocate(16);
        Assert.That(() => Drivers.Launch(driver, "driver_overrun", 4, y), Throws.TypeOf<CudaException>().With.Message.StartsWith("driver_overrun<<<(1, 1, 1), 32>>> on the emulated device: "));
    }

    [Test]
    public void ACopyBeyondABlockIsTold()
    {
        using var driver = Drivers.Emulated();
        var y = driver.Allocate(16);
        var values = stackalloc float[8];
        var source = (nint)values;
        Assert.That(() => driver.Upload(y + 4, (void*)source, 16), Throws.TypeOf<CudaException>());
        Assert.That(() => driver.Set(y, 0, 5), Throws.TypeOf<CudaException>());
        driver.Free(y);
        Assert.That(() => driver.Set(y, 0, 1), Throws.TypeOf<CudaException>(), "memory that was given back");
    }

    [Test]
    public void ThePoolGuardsAndForgets()
    {
        using var driver = Drivers.Emulated();
        using var pool = new MemoryPool(driver);
        var block = pool.Rent(20);
        *(float*)block = 1;
        pool.Return(block, 20);
        Assert.That(pool.Rent(20), Is.EqualTo(block));
        Assert.That(*(float*)block, Is.NaN);
        Assert.That(() => driver.Set(block, 0, 6), Throws.TypeOf<CudaException>(), "a block has the bytes that were asked for");
        pool.Return(block, 20);
    }

    [Test]
    public void ThePoolGivesFreeBlocksBackWhenMemoryIsShort()
    {
        using var driver = Drivers.Emulated(memoryLimit: 10_000);
        using var pool = new MemoryPool(driver);
        var first = pool.Rent(6000);
        Assert.That(() => pool.Rent(5000), Throws.TypeOf<CudaException>().With.Property(nameof(CudaException.IsOutOfMemory)).True.And.Message.EqualTo("emulated device: expected 5000 free bytes, got 4000"));
        pool.Return(first, 6000);
        var second = pool.Rent(5000);
        pool.Return(second, 5000);
        Assert.That(pool.Rent(5000), Is.EqualTo(second));
        pool.Return(second, 5000);
    }

    [Test]
    public void AWarmPoolAllocatesNothingInsideACapture()
    {
        using var driver = Drivers.Emulated();
        using var pool = new MemoryPool(driver);
        pool.Return(pool.Rent(64), 64);
        driver.BeginCapture();
        var block = pool.Rent(64);
        Assert.That(() => pool.Rent(128), Throws.InvalidOperationException);
        driver.DestroyGraph(driver.EndCapture());
        pool.Return(block, 64);
    }

    [Test]
    public void NoCompilerIsOneLine()
    {
        var before = Environment.GetEnvironmentVariable("CXX");
        Environment.SetEnvironmentVariable("CXX", "no-such-compiler");
        try
        {
            Assert.That(() => CudaDevices.OpenEmulated(), Throws.TypeOf<CudaException>().With.Message.EqualTo("expected a C++ compiler, got CXX=no-such-compiler, which cannot be started"));
        }
        finally
        {
            Environment.SetEnvironmentVariable("CXX", before);
        }
    }

    [Test]
    public void AnErrorInAKernelIsTheCompilersFirstLine()
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "wrong.cu");
        File.WriteAllText(path, "#include \"common.cuh\"\nKERNEL(32, wrong, float* y) { y[0] = nothing; }\n");
        Assert.That(() => new EmulatedDriver(extraSources: [path]), Throws.TypeOf<CudaException>().With.Message.StartsWith("g++: kernels/wrong.cu:2:").And.Message.Contains("nothing"));
    }

    [Test]
    public void OpensAsADevice()
    {
        using var device = CudaDevices.OpenEmulated(new CudaOptions { MemoryLimit = 1 << 20 });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(device.Name, Is.EqualTo("emulated"));
            Assert.That(device.Properties, Is.EqualTo(new DeviceProperties("emulated", 9, 0, 4, 1 << 20, 232448, 0)));
            Assert.That(() => device.Allocate(1 << 20), Throws.TypeOf<CudaException>().With.Property(nameof(CudaException.IsOutOfMemory)).True);
            Assert.That(device.LiveBytes, Is.Zero);
        }
    }
}
