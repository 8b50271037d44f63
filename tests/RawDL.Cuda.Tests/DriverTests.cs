using System.Runtime.InteropServices;

namespace RawDL.Cuda.Tests;

/// <summary>What every driver does: memory, launches, events and graphs.</summary>
[TestFixture("emulated")]
[TestFixture("native")]
internal sealed unsafe class DriverTests(string kind)
{
    private readonly Dictionary<string, Kernel> _kernels = [];
    private Driver _driver = null!;

    [OneTimeSetUp]
    public void RequireEmulator() => Required.Emulator();

    [SetUp]
    public void Open() => _driver = kind == "native" ? Drivers.Native() : Drivers.Emulated();

    [TearDown]
    public void Close()
    {
        _driver.Dispose();
        if (kind == "native") Assert.That(Drivers.Live(), Is.Zero, "all handles are given back");
    }

    [Test]
    public void LaunchesOverCopies()
    {
        var (x, y) = (Upload(1, 2, 3, 4, 5), _driver.Allocate(20));
        Scale(2.5f, 5, x, y);
        Assert.That(Download(y, 5), Is.EqualTo(new[] { 2.5f, 5, 7.5f, 10, 12.5f }));
        _driver.Copy(y + 4, x, 8);
        _driver.Set(y + 16, BitConverter.SingleToUInt32Bits(-1), 1);
        Assert.That(Download(y, 5), Is.EqualTo(new[] { 2.5f, 1, 2, 10, -1 }));
        Free(x, y);
    }

    [Test]
    public void PassesStructsAndSharedMemory()
    {
        var kernel = _driver.Load("driver", "driver_struct");
        Assert.That(kernel.Threads, Is.EqualTo(32));
        var y = _driver.Allocate(16);
        var shape = new Shape { Tag = 200, Wide = 1ul << 40, Value = -0.5f };
        var shared = 200 * 1024 / 4;
        void** arguments = stackalloc void*[3] { &shape, &y, &shared };
        _driver.Launch(kernel, new Grid(1), 4 * shared, arguments);
        Assert.That(Download(y, 4), Is.EqualTo(new[] { 200, 1ul << 40, -0.5f, shared - 1 }));
        Free(y);
    }

    [Test]
    public void EmptyCopiesAreNothing()
    {
        var y = _driver.Allocate(4);
        _driver.Upload(y, null, 0);
        _driver.Download(null, y, 0);
        _driver.Copy(y, y, 0);
        _driver.Set(y, 0, 0);
        Free(y);
    }

    [Test]
    public void NothingIsAllocatedPerLaunch()
    {
        var (x, y) = (Upload(1, 2, 3), _driver.Allocate(12));
        var kernel = _driver.Load("driver", "driver_scale");
        float factor = 2;
        var count = 3;
        var values = stackalloc float[3];
        void** arguments = stackalloc void*[4] { &factor, &count, &x, &y };
        long before = 0;
        for (var i = 0; i < 110; i++)
        {
            if (i == 10) before = GC.GetAllocatedBytesForCurrentThread();
            _driver.Upload(x, values, 12);
            _driver.Launch(kernel, new Grid(1), 0, arguments);
            _driver.Set(x, 0, 3);
            _driver.Copy(y, x, 12);
            _driver.Download(values, y, 12);
            _driver.Synchronize();
        }
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Free(x, y);
    }

    [Test]
    public void ReplaysWhatWasCaptured()
    {
        var y = Upload(1, 2, 3);
        var x = _driver.Allocate(12);
        var host = (float*)_driver.AllocatePinned(12);
        Load("driver_scale", "driver_increment");
        _driver.BeginCapture();
        Assert.That(_driver.IsCapturing);
        Increment(3, y);
        Scale(10, 3, y, x);
        Increment(1, x);
        _driver.Copy(x + 4, y + 4, 4);
        _driver.Set(x + 8, 0, 1);
        _driver.Download(host, x, 12);
        var graph = _driver.EndCapture();
        Assert.That(Download(y, 3), Is.EqualTo(new float[] { 1, 2, 3 }), "nothing has run");
        for (var i = 0; i < 3; i++) _driver.LaunchGraph(graph);
        _driver.Synchronize();
        Assert.That(new Span<float>(host, 3).ToArray(), Is.EqualTo(new float[] { 41, 5, 0 }));
        Assert.That(Download(y, 3), Is.EqualTo(new float[] { 4, 5, 6 }));
        _driver.DestroyGraph(graph);
        _driver.FreePinned(host);
        Free(x, y);
    }

    [Test]
    public void RefusesInsideACaptureWhatCannotBeRecorded()
    {
        var y = Upload(1, 2);
        var mark = _driver.CreateEvent();
        var pinned = _driver.AllocatePinned(8);
        float pageable = 0;
        var address = (nint)(&pageable);
        Load("driver_increment");
        _driver.BeginCapture();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => _driver.Allocate(16), Throws.InvalidOperationException.With.Message.EqualTo("An allocation inside the capture of a graph: expected it before the capture; run the step once without."));
            Assert.That(() => _driver.Free(y), Throws.InvalidOperationException);
            Assert.That(() => _driver.Synchronize(), Throws.InvalidOperationException);
            Assert.That(() => _driver.Record(mark), Throws.InvalidOperationException);
            Assert.That(() => _driver.BeginCapture(), Throws.InvalidOperationException);
            Assert.That(() => _driver.Upload(y, (void*)address, 4), Throws.InvalidOperationException.With.Message.EqualTo("A copy inside the capture of a graph: expected pinned host memory, got pageable."));
            Assert.That(() => _driver.Download((byte*)pinned + 4, y, 8), Throws.InvalidOperationException);
        }
        Increment(2, y);
        var graph = _driver.EndCapture();
        _driver.LaunchGraph(graph);
        Assert.That(Download(y, 2), Is.EqualTo(new float[] { 2, 3 }), "the capture went on");
        _driver.DestroyGraph(graph);
        _driver.DestroyEvent(mark);
        _driver.FreePinned(pinned);
        Free(y);
    }

    [Test]
    public void MeasuresTime()
    {
        var (from, to) = (_driver.CreateEvent(), _driver.CreateEvent());
        _driver.Record(from);
        Thread.Sleep(5);
        _driver.Record(to);
        Assert.That(_driver.Milliseconds(from, to), Is.InRange(4, 1000));
        _driver.DestroyEvent(from);
        _driver.DestroyEvent(to);
    }

    [Test]
    public void CopiesBesideTheStream()
    {
        var y = Upload(1, 2);
        var host = (float*)_driver.AllocatePinned(8);
        var mark = _driver.CreateEvent();
        _driver.DownloadBeside(host, y, 8, mark);
        Assert.That(_driver.IsOver(mark, wait: true));
        Assert.That(_driver.IsOver(mark, wait: false));
        Assert.That((host[0], host[1]), Is.EqualTo((1f, 2f)));
        _driver.DestroyEvent(mark);
        _driver.FreePinned(host);
        Free(y);
    }

    [Test]
    public void AnyThreadMayEnter()
    {
        var y = Upload(1, 2);
        var values = Task.Run(() =>
        {
            Increment(2, y);
            return Download(y, 2);
        }).Result;
        Assert.That(values, Is.EqualTo(new float[] { 2, 3 }));
        Free(y);
    }

    [Test]
    public void EncodesMatricesForTheCopyEngine()
    {
        var y = _driver.Allocate(4096);
        var map = stackalloc byte[130];
        _driver.EncodeTiled(map + 1, new TileMap(TileElement.Float32, y, 32, 32, 128, 32, 8, Swizzled: true));
        Assert.That(new Span<byte>(map + 1, 128).ToArray(), Has.Some.Not.Zero);
        Assert.That(() => _driver.EncodeTiled((void*)0, new TileMap(TileElement.Float32, y + 4, 32, 32, 128, 32, 8, Swizzled: true)),
            Throws.TypeOf<CudaException>().With.Message.Contains("cuTensorMapEncodeTiled").And.Message.Contains("CUDA_ERROR_INVALID_VALUE (1)"));
        Free(y);
    }

    [Test]
    public void NamesAMissingKernel() => Assert.That(() => _driver.Load("driver", "driver_missing"), Throws.TypeOf<CudaException>().With.Message.Contains("driver_missing").And.Message.Contains("kernels/driver.cu"));

    [Test]
    public void NamesAWrongLaunch()
    {
        var kernel = _driver.Load("driver", "driver_increment");
        Assert.That(() => _driver.Launch(kernel, new Grid(98, 65536), 0, null), Throws.TypeOf<CudaException>().With.Message.StartsWith(
            kind == "native" ? "driver_increment<<<(98, 65536, 1), 32>>> at cuLaunchKernel: CUDA_ERROR_INVALID_VALUE (1)" : "driver_increment<<<(98, 65536, 1), 32>>> on the emulated device: expected"));
        Assert.That(() => _driver.Launch(kernel, new Grid(1), 300_000, null), Throws.TypeOf<CudaException>().With.Message.StartsWith("driver_increment<<<(1, 1, 1), 32, 300000>>>"));
    }

    private ulong Upload(params float[] values)
    {
        var address = _driver.Allocate(4 * (nuint)values.Length);
        fixed (float* source = values) _driver.Upload(address, source, 4 * (nuint)values.Length);
        return address;
    }

    private float[] Download(ulong address, int count)
    {
        var values = new float[count];
        fixed (float* target = values) _driver.Download(target, address, 4 * (nuint)count);
        return values;
    }

    private void Free(params ReadOnlySpan<ulong> blocks)
    {
        foreach (var block in blocks) _driver.Free(block);
    }

    private void Load(params string[] names)
    {
        foreach (var name in names) Kernel(name);
    }

    private void Scale(float factor, int count, ulong x, ulong y)
    {
        void** arguments = stackalloc void*[4] { &factor, &count, &x, &y };
        _driver.Launch(Kernel("driver_scale"), new Grid(2), 0, arguments);
    }

    private void Increment(int count, ulong y)
    {
        void** arguments = stackalloc void*[2] { &count, &y };
        _driver.Launch(Kernel("driver_increment"), new Grid(1), 0, arguments);
    }

    private Kernel Kernel(string name)
    {
        if (_driver.IsCapturing) return _kernels[name];
        return _kernels[name] = _driver.Load("driver", name);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Shape
    {
        public byte Tag;
        public ulong Wide;
        public float Value;
    }
}
