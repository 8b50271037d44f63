using System.Runtime.InteropServices;

namespace RawDL.Cuda.Tests;

/// <summary>The emulator itself: right kernels (Kernels/good.cu) give the same results in every order, each fault (Kernels/broken.cu) is told in one line.</summary>
internal sealed unsafe class EmulatorTests
{
    private EmulatedDriver _driver = null!;
    private readonly List<ulong> _blocks = [];

    [OneTimeSetUp]
    public void Open()
    {
        Required.Emulator();
        _driver = new EmulatedDriver(extraSources: [Source("good.cu"), Source("broken.cu")]);
    }

    [OneTimeTearDown]
    public void Close() => _driver?.Dispose();

    [TearDown]
    public void GiveBack()
    {
        _driver.Order(ThreadOrder.Forward);
        var blocks = _blocks.ToArray();
        _blocks.Clear();
        foreach (var block in blocks) _driver.Free(block);
    }

    /// <summary>A fault and what the device says of it. A kernel takes (y), or (number, y) when there is a number.</summary>
    internal sealed record Fault(string Kernel, string Text, int? Number = null, int Floats = 64, int SharedBytes = 0)
    {
        public override string ToString() => Kernel;
    }

    private static readonly Fault[] s_faults =
    [
        new("broken_shared_write", @"block \(0, 0, 0\): a write at byte 0 behind the end of the shared array tile"),
        new("broken_dynamic_write", @"block \(0, 0, 0\): a write at byte 0 behind the end of the shared array dynamic", SharedBytes: 128),
        new("broken_global_write", "a write at byte 0 behind the end of an allocation of 252 bytes", Number: 63, Floats: 63),
        new("broken_divergent_barrier", @"thread \d+: divergent barrier: __syncthreads \(broken.cu:\d+\), but thread \d+ waits at __syncthreads \(broken.cu:\d+\)"),
        new("broken_deadlock", @"deadlock: 32 threads wait at barrier_sync \(broken.cu:\d+\), thread 0 first"),
        new("broken_null", "thread 37: (write to|access to) address 0x94, where there is no memory", Number: 37, Floats: 0),
        new("broken_division", @"thread \d+: integer division by zero", Number: 0),
        new("broken_missing_lane", @"(leaves the kernel while lane \d+ waits for it at __shfl_xor_sync|lane 5 has left the kernel)"),
        new("broken_divergent_warp", @"__shfl_xor_sync \(broken.cu:\d+\) while lane \d+ waits for it at __shfl_xor_sync \(broken.cu:\d+\)"),
        new("broken_poll", @"deadlock: 32 threads wait at a poll \(broken.cu:\d+\)"),
        new("broken_recursion", "its local variables are more than a stack of 65536 bytes holds", Number: 1000),
        new("broken_mbarrier", "an mbarrier was not initialized"),
        new("broken_bulk_store", "thread 0: leaves the kernel without waiting for its bulk stores"),
    ];

    [Test]
    public void AFaultIsToldInEveryOrder([Values] ThreadOrder order, [ValueSource(nameof(s_faults))] Fault fault)
    {
        _driver.Order(order, 1);
        var y = fault.Floats == 0 ? 0 : Floats(fault.Floats);
        var number = fault.Number ?? 0;
        void** arguments = stackalloc void*[2];
        arguments[0] = fault.Number is null ? &y : &number;
        arguments[1] = &y;
        var kernel = _driver.Load("broken", fault.Kernel);
        Assert.That(Complaint(kernel, new Grid(1), fault.SharedBytes, arguments), Does.Match(fault.Text).And.StartsWith(fault.Kernel).And.Not.Contains("\n"));

        // The device and the runtime's own null checks work as before.
        Assert.That(() => Length(null), Throws.TypeOf<NullReferenceException>());
        Assert.That(ScanIsRight(), Is.True);
    }

    [Test]
    public void AMissingBarrierShowsAsPoison([Values] ThreadOrder order)
    {
        _driver.Order(order, 1);
        var y = Floats(64);
        Run("broken", "broken_missing_barrier", new Grid(1), 0, &y);
        Assert.That(Span(y, 64).ToArray(), Has.Some.NaN);
    }

    [Test]
    public void AMissingWaitShowsAsADifferenceBetweenOrders()
    {
        ulong x = Floats(64), y = Floats(64);
        Fill(Span(x, 64), i => i);
        Run("broken", "broken_missing_wait", new Grid(1), 0, &x, &y);
        Assert.That(Span(y, 64).ToArray(), Is.All.NaN, "as late as allowed: never");
        _driver.Order(ThreadOrder.Reverse);
        Run("broken", "broken_missing_wait", new Grid(1), 0, &x, &y);
        Assert.That(Span(y, 64).ToArray(), Is.Ordered.Descending, "as soon as allowed");
    }

    [Test]
    public void ALaunchIsCheckedAgainstItsKernel()
    {
        ulong x = Floats(64), y = Floats(64);
        void** arguments = stackalloc void*[2] { &x, &y };
        var kernel = _driver.Load("good", "good_cluster");
        Assert.That(Complaint(kernel, new Grid(6), 0, arguments), Does.Contain("a grid of 6 blocks along x, but its clusters have 4"));
        Assert.That(Complaint(kernel with { Threads = 32 }, new Grid(4), 0, arguments), Does.Contain("32 threads, but it is declared for 64"));
        Assert.That(Complaint(_driver.Load("good", "good_grid"), new Grid(1000), 0, arguments), Does.Contain("1000 blocks of 64 threads cannot run at once"));
        Assert.That(Complaint(kernel, new Grid(4), 227 * 1024, arguments), Does.Contain("bytes of shared memory are more than a block has"));
    }

    private static readonly (ThreadOrder Order, ulong Seed)[] s_orders =
        [(ThreadOrder.Forward, 0), (ThreadOrder.Reverse, 0), .. Enumerable.Range(0, 5).Select(seed => (ThreadOrder.Random, (ulong)seed))];

    [Test]
    public void BlocksReduce([ValueSource(nameof(s_orders))] (ThreadOrder Order, ulong Seed) order)
    {
        _driver.Order(order.Order, order.Seed);
        ulong x = Floats(16 * 256), y = Floats(16);
        Fill(Span(x, 16 * 256), i => i % 7 - 3);
        Run("good", "good_block_reduce", new Grid(16), 0, &x, &y);
        for (var block = 0; block < 16; block++)
        {
            var sum = 0f;
            foreach (var value in Span(x, 16 * 256).Slice(256 * block, 256)) sum += value;
            Assert.That(Span(y, 16)[block], Is.EqualTo(sum));
        }
    }

    [Test]
    public void TilesTranspose([ValueSource(nameof(s_orders))] (ThreadOrder Order, ulong Seed) order)
    {
        _driver.Order(order.Order, order.Seed);
        int rows = 45, columns = 71;
        ulong x = Floats(rows * columns), y = Floats(rows * columns);
        Fill(Span(x, rows * columns), i => i);
        Run("good", "good_transpose", new Grid(5, 3), 0, &rows, &columns, &x, &y);
        var result = Span(y, rows * columns);
        for (var i = 0; i < result.Length; i++) Assert.That(result[i], Is.EqualTo((float)(i % rows * columns + i / rows)));
    }

    [Test]
    public void WarpsScan([ValueSource(nameof(s_orders))] (ThreadOrder Order, ulong Seed) order)
    {
        _driver.Order(order.Order, order.Seed);
        Assert.That(ScanIsRight(), Is.True);
    }

    [Test]
    public void BlocksVoteWhenHalfHasLeft([ValueSource(nameof(s_orders))] (ThreadOrder Order, ulong Seed) order)
    {
        _driver.Order(order.Order, order.Seed);
        ulong x = Floats(256), y = Floats(2);
        Fill(Span(x, 256), i => i < 128 ? i % 7 - 3 : i == 200 ? float.NaN : 1);
        Run("good", "good_votes", new Grid(2), 0, &x, &y);
        var zeros = Enumerable.Range(0, 64).Count(i => 2 * i % 7 == 3);
        Assert.That(Ints(y, 2).ToArray(), Is.EqualTo(new[] { 1 | 2 | zeros << 2, 0 }));
    }

    [Test]
    public void ClustersShareMemory([ValueSource(nameof(s_orders))] (ThreadOrder Order, ulong Seed) order)
    {
        _driver.Order(order.Order, order.Seed);
        ulong x = Floats(512), y = Floats(512);
        Fill(Span(x, 512), i => i);
        Run("good", "good_cluster", new Grid(8), 0, &x, &y);
        for (var i = 0; i < 512; i++) Assert.That(Span(y, 512)[i], Is.EqualTo((float)((i / 256 * 4 + (i / 64 + 1) % 4) * 64 + 63 - i % 64)));
    }

    [Test]
    public void GridsMeet([ValueSource(nameof(s_orders))] (ThreadOrder Order, ulong Seed) order)
    {
        _driver.Order(order.Order, order.Seed);
        ulong counter = Floats(1), x = Floats(1024), y = Floats(1024);
        _driver.Set(counter, 0, 1);
        for (var launch = 0; launch < 2; launch++)
        {
            Fill(Span(x, 1024), i => i);
            Run("good", "good_grid", new Grid(16), 0, &counter, &x, &y);
            Assert.That(Span(x, 1024).ToArray(), Is.All.Zero);
            for (var i = 0; i < 1024; i++) Assert.That(Span(y, 1024)[i], Is.EqualTo(2f * (1023 - i)));
        }
    }

    [Test]
    public void WarpsPlayPingPongOverBarriersInMemory([ValueSource(nameof(s_orders))] (ThreadOrder Order, ulong Seed) order)
    {
        _driver.Order(order.Order, order.Seed);
        var steps = 9;
        var y = Floats(32);
        Run("good", "good_ping_pong", new Grid(1), 0, &steps, &y);
        for (var lane = 0; lane < 32; lane++) Assert.That(Span(y, 32)[lane], Is.EqualTo(36f + 9 * lane));
    }

    [Test]
    public void CopiesArriveWhenTheyAreWaitedFor([ValueSource(nameof(s_orders))] (ThreadOrder Order, ulong Seed) order)
    {
        _driver.Order(order.Order, order.Seed);
        ulong x = Floats(256), y = Floats(256);
        Fill(Span(x, 256), i => i);
        Run("good", "good_copy", new Grid(1), 0, &x, &y);
        Assert.That(Span(y, 256).SequenceEqual(Span(x, 256)), Is.True);
    }

    /// <summary>A matrix of 20 x 30 with rows of 32, in boxes of 8 x 32: what lies outside is read as zero and not written.</summary>
    [Test]
    public void TheCopyEngineMovesSwizzledTiles([ValueSource(nameof(s_orders))] (ThreadOrder Order, ulong Seed) order)
    {
        _driver.Order(order.Order, order.Seed);
        ulong x = Floats(640), y = Floats(640);
        Fill(Span(x, 640), i => i);
        Span(y, 640).Fill(-1);
        var maps = (byte*)NativeMemory.AlignedAlloc(256, 64);
        try
        {
            _driver.EncodeTiled(maps, new TileMap(TileElement.Float32, x, 30, 20, 128, 32, 8, Swizzled: true));
            _driver.EncodeTiled(maps + 128, new TileMap(TileElement.Float32, y, 30, 20, 128, 32, 8, Swizzled: true));
            Run("good", "good_tile", new Grid(3), 1024, maps, maps + 128);
        }
        finally
        {
            NativeMemory.AlignedFree(maps);
        }
        for (var i = 0; i < 640; i++) Assert.That(Span(y, 640)[i], Is.EqualTo(i % 32 < 30 ? i + i % 32 : -1f));
    }

    private static string Source(string name) => Path.Combine(Required.Repository(), "tests", "RawDL.Cuda.Tests", "Kernels", name);

    private static int Length(string? text) => text!.Length;

    private bool ScanIsRight()
    {
        ulong x = Floats(64), y = Floats(64), counts = Floats(2);
        for (var i = 0; i < 64; i++) Ints(x, 64)[i] = i % 5 - 2;
        Run("good", "good_warp_scan", new Grid(1), 0, &x, &y, &counts);
        var right = true;
        for (var warp = 0; warp < 2; warp++)
        {
            var (sum, positive) = (0, 0);
            for (var i = 32 * warp; i < 32 * warp + 32; i++)
            {
                sum += Ints(x, 64)[i];
                positive += Ints(x, 64)[i] > 0 ? 1 : 0;
                right &= Ints(y, 64)[i] == sum;
            }
            right &= Ints(counts, 2)[warp] == positive;
        }
        return right;
    }

    private string? Complaint(in Kernel kernel, Grid grid, int sharedBytes, void** arguments)
    {
        try
        {
            _driver.Launch(kernel, grid, sharedBytes, arguments);
            return null;
        }
        catch (CudaException e)
        {
            return e.Message;
        }
    }

    private void Run(string module, string name, Grid grid, int sharedBytes, void* first, void* second = null, void* third = null, void* fourth = null)
    {
        void** arguments = stackalloc void*[4] { first, second, third, fourth };
        _driver.Launch(_driver.Load(module, name), grid, sharedBytes, arguments);
    }

    private ulong Floats(int count)
    {
        var block = _driver.Allocate((nuint)(4 * count));
        _blocks.Add(block);
        return block;
    }

    private static Span<float> Span(ulong address, int count) => new((void*)address, count);

    private static Span<int> Ints(ulong address, int count) => new((void*)address, count);

    private static void Fill(Span<float> values, Func<int, float> value)
    {
        for (var i = 0; i < values.Length; i++) values[i] = value(i);
    }
}
