using System.Diagnostics;
using System.Runtime.InteropServices;

namespace RawDL.Cuda;

/// <summary>In which order the emulated device runs the threads of a block, at every resume, and the blocks of a grid.</summary>
internal enum ThreadOrder
{
    /// <summary>0, 1, 2, ...</summary>
    Forward,
    /// <summary>From the last to the first.</summary>
    Reverse,
    /// <summary>By a seed.</summary>
    Random,
}

/// <summary>The kernels on the processor: the same sources, compiled by g++ against kernels/emulator. Everything runs at once, so its stream is always empty;
/// a graph is a list of what was recorded. After every launch the red zones of all memory are checked.</summary>
internal sealed unsafe class EmulatedDriver : Driver
{
    private readonly EmulatedLibrary _library;
    private readonly ModuleSource _source;
    private readonly SortedList<ulong, nuint> _blocks = [];
    private readonly List<long> _marks = [];
    private readonly List<List<Command>?> _graphs = [];
    private List<Command>? _recorded;
    private long _freeBytes;

    /// <param name="memoryLimit">Bytes of device memory; null: those of the machine.</param>
    /// <param name="extraSources">Paths of further .cu files, for tests.</param>
    /// <param name="extraFlags">Further flags for g++.</param>
    /// <param name="cache">Where compiled sources are kept; null: the user's.</param>
    public EmulatedDriver(long? memoryLimit = null, IReadOnlyList<string>? extraSources = null, IReadOnlyList<string>? extraFlags = null, KernelCache? cache = null)
    {
        _source = extraSources is null ? ModuleSource.Embedded : ModuleSource.Embedded.With(extraSources);
        _library = EmulatedLibrary.Load(_source, cache ?? KernelCache.Open(), extraFlags ?? []);
        _freeBytes = memoryLimit ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        // As large as sm_90, so that every kernel can run.
        Properties = new DeviceProperties("emulated", 9, 0, 4, _freeBytes, 227 * 1024, 0);
    }

    private enum CommandKind { Launch, Copy, Set }

    public override DeviceProperties Properties { get; }

    public override bool GuardsMemory => true;

    internal EmulatedLibrary Library => _library;

    /// <summary>The order of threads and blocks in launches from now on, of every emulated device with the same sources.</summary>
    public void Order(ThreadOrder order, ulong seed = 0)
    {
        lock (_library.Gate) _library.Order((int)order, seed);
    }

    public override ulong Allocate(nuint bytes)
    {
        RequireNoCapture("An allocation");
        if ((long)bytes > _freeBytes) throw new CudaException(FormattableString.Invariant($"emulated device: expected {bytes} free bytes, got {_freeBytes}"), isOutOfMemory: true);
        void* block;
        lock (_library.Gate) block = _library.Allocate(bytes);
        if (block is null) throw new CudaException(FormattableString.Invariant($"emulated device: expected {bytes} free bytes, got too few on this machine"), isOutOfMemory: true);
        _freeBytes -= (long)bytes;
        _blocks[(ulong)block] = bytes;
        return (ulong)block;
    }

    public override void Free(ulong address)
    {
        RequireNoCapture("A release of memory");
        if (!_blocks.Remove(address, out var bytes)) throw new CudaException($"emulated device: expected the address of a block, got {address:x}");
        _freeBytes += (long)bytes;
        lock (_library.Gate) Require(_library.Free((void*)address), "free");
    }

    public override void* AllocatePinned(nuint bytes) => Pinned(NativeMemory.AlignedAlloc(Math.Max(bytes, 1), 256), bytes);

    public override void FreePinned(void* address)
    {
        Unpinned(address);
        NativeMemory.AlignedFree(address);
    }

    public override void Forget(ulong address, nuint bytes) => NativeMemory.Fill((void*)address, bytes, 0xFF);

    public override void Upload(ulong target, void* source, nuint bytes)
    {
        RequirePinned(source, bytes);
        RequireBlock(target, bytes, "Upload");
        Do(Command.Copied((void*)target, source, bytes));
    }

    public override void Download(void* target, ulong source, nuint bytes)
    {
        RequirePinned(target, bytes);
        RequireBlock(source, bytes, "Download");
        Do(Command.Copied(target, (void*)source, bytes));
    }

    public override void DownloadBeside(void* target, ulong source, nuint bytes, nint mark)
    {
        RequireNoCapture("A copy beside the stream");
        Download(target, source, bytes);
        Record(mark);
    }

    public override bool IsOver(nint mark, bool wait) => true;

    public override void Copy(ulong target, ulong source, nuint bytes)
    {
        RequireBlock(target, bytes, "Copy");
        RequireBlock(source, bytes, "Copy");
        Do(Command.Copied((void*)target, (void*)source, bytes));
    }

    public override void Set(ulong target, uint value, nuint count)
    {
        RequireBlock(target, 4 * count, "Set");
        Do(new Command { Kind = CommandKind.Set, Target = (void*)target, Value = value, Bytes = 4 * count });
    }

    public override void Synchronize() => RequireNoCapture("A wait");

    public override Kernel Load(string module, string name)
    {
        _source.Text(module);
        int k;
        fixed (byte* text = System.Text.Encoding.UTF8.GetBytes(name + '\0')) k = _library.Find(text);
        return k >= 0 ? new Kernel(k, _library.Threads(k), name) : throw new CudaException($"kernels/{module}.cu: expected a kernel {name}, got none of that name");
    }

    public override void Launch(in Kernel kernel, Grid grid, int sharedBytes, void** arguments)
    {
        if (grid.X < 1 || grid.Y is < 1 or > 65535 || grid.Z is < 1 or > 65535 || sharedBytes < 0 || sharedBytes > Properties.SharedBytes)
        {
            throw new CudaException($"{Describe(kernel, grid, sharedBytes)} on the emulated device: expected 1 or more blocks, at most 65535 by y and z, and at most {Properties.SharedBytes} bytes of shared memory");
        }
        var command = new Command { Kind = CommandKind.Launch, Kernel = kernel, Grid = grid, SharedBytes = sharedBytes, Arguments = arguments };
        if (_recorded is null)
        {
            Run(command);
            return;
        }
        command.Arguments = CopyArguments((int)kernel.Function, arguments);
        _recorded.Add(command);
    }

    public override void EncodeTiled(void* map, in TileMap tiles)
    {
        lock (_library.Gate)
        {
            if (Encode(_library.EncodeTiled, map, tiles) != 0) throw new CudaException($"emulated device at cuTensorMapEncodeTiled: CUDA_ERROR_INVALID_VALUE (1) for {tiles}");
        }
    }

    public override nint CreateEvent()
    {
        _marks.Add(0);
        return _marks.Count - 1;
    }

    public override void Record(nint mark)
    {
        RequireNoCapture("An event");
        _marks[(int)mark] = Stopwatch.GetTimestamp();
    }

    public override double Milliseconds(nint from, nint to) => Stopwatch.GetElapsedTime(_marks[(int)from], _marks[(int)to]).TotalMilliseconds;

    public override void DestroyEvent(nint mark) { }

    public override void BeginCapture()
    {
        RequireNoCapture("A capture");
        _recorded = [];
        IsCapturing = true;
    }

    public override nint EndCapture()
    {
        if (_recorded is null) throw new InvalidOperationException("EndCapture: expected a capture that has begun.");
        _graphs.Add(_recorded);
        _recorded = null;
        IsCapturing = false;
        return _graphs.Count;
    }

    public override void LaunchGraph(nint graph)
    {
        RequireNoCapture("A graph");
        foreach (var command in _graphs[(int)graph - 1]!) Run(command);
    }

    public override void DestroyGraph(nint graph)
    {
        foreach (var command in _graphs[(int)graph - 1]!) NativeMemory.AlignedFree(command.Arguments);
        _graphs[(int)graph - 1] = null;
    }

    public override void Dispose()
    {
        foreach (var block in _blocks.Keys.ToArray())
        {
            lock (_library.Gate) _library.Free((void*)block);
        }
        _blocks.Clear();
        for (var graph = 1; graph <= _graphs.Count; graph++)
            if (_graphs[graph - 1] is not null) DestroyGraph(graph);
    }

    private static void Require(byte* complaint, string what)
    {
        if (complaint is not null) throw new CudaException($"{what} on the emulated device: {Marshal.PtrToStringUTF8((nint)complaint)}");
    }

    private void Do(in Command command)
    {
        if (_recorded is null) Run(command);
        else _recorded.Add(command);
    }

    private void Run(in Command command)
    {
        switch (command.Kind)
        {
            case CommandKind.Copy:
                Buffer.MemoryCopy(command.Source, command.Target, command.Bytes, command.Bytes);
                break;
            case CommandKind.Set:
                new Span<uint>(command.Target, checked((int)(command.Bytes / 4))).Fill(command.Value);
                break;
            default:
                var grid = stackalloc uint[3] { (uint)command.Grid.X, (uint)command.Grid.Y, (uint)command.Grid.Z };
                lock (_library.Gate)
                {
                    var complaint = _library.Launch((int)command.Kernel.Function, grid, (uint)command.Kernel.Threads, (uint)command.SharedBytes, command.Arguments);
                    if (complaint is not null) Require(complaint, Describe(command.Kernel, command.Grid, command.SharedBytes));
                }
                break;
        }
    }

    // One block: the addresses, then the arguments on multiples of 64 bytes, as a tensor map wants.
    private void** CopyArguments(int kernel, void** arguments)
    {
        var count = _library.ArgumentBytes(kernel, null, 0);
        var sizes = stackalloc int[count];
        _library.ArgumentBytes(kernel, sizes, count);
        var bytes = Padded(8 * count);
        for (var i = 0; i < count; i++) bytes += Padded(sizes[i]);
        var copy = (void**)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 64), 64);
        var target = (byte*)copy + Padded(8 * count);
        for (var i = 0; i < count; target += Padded(sizes[i]), i++)
        {
            copy[i] = target;
            Buffer.MemoryCopy(arguments[i], target, sizes[i], sizes[i]);
        }
        return copy;

        static int Padded(int size) => (size + 63) & ~63;
    }

    private void RequireBlock(ulong address, nuint bytes, string what)
    {
        if (bytes == 0) return;
        // The last block that does not begin behind the address.
        var (low, high) = (0, _blocks.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_blocks.GetKeyAtIndex(middle) <= address) low = middle + 1;
            else high = middle;
        }
        if (low == 0 || address - _blocks.GetKeyAtIndex(low - 1) + bytes > _blocks.GetValueAtIndex(low - 1))
            throw new CudaException($"{what} on the emulated device: expected {bytes} bytes of allocated memory, got fewer at {address:x}");
    }

    private struct Command
    {
        public CommandKind Kind;
        public Kernel Kernel;
        public Grid Grid;
        public int SharedBytes;
        public void** Arguments;
        public void* Target;
        public void* Source;
        public nuint Bytes;
        public uint Value;

        public static Command Copied(void* target, void* source, nuint bytes) => new() { Kind = CommandKind.Copy, Target = target, Source = source, Bytes = bytes };
    }
}
