using System.Runtime.InteropServices;

namespace RawDL.Cuda;

/// <summary>Training steps as recorded graphs, one per batch size. The tables of a run (rules, segments) and its history (losses) have an entry per step, which
/// the kernels find by the <see cref="StepState"/>; its last kernel moves that on, or leaves it where a value is not finite.</summary>
internal sealed unsafe class CudaResidentStep : ResidentStep
{
    private readonly CudaDevice _device;
    private readonly GatherGeometry _geometry;
    private readonly DeviceBuffer _images, _labels, _order, _mean, _scale, _losses;
    private readonly List<DeviceBuffer> _buffers = [];
    private readonly Dictionary<int, nint> _graphs = [];
    private readonly List<byte> _rules = [], _segments = [];
    private DeviceBuffer? _ruleTable, _segmentTable;
    private StepState _start;
    private UpdateSegment[] _extents = [];
    private int _planned, _run;
    private bool _disposed;

    public CudaResidentStep(CudaDevice device, ResidentData data)
    {
        (_device, _geometry) = (device, data.Geometry);
        try
        {
            _images = Allocate((data.Bytes.Length + 3) / 4);
            _labels = Allocate(data.Labels.Length);
            _order = Allocate(data.Labels.Length);
            _mean = Allocate(data.Mean.Length);
            _scale = Allocate(data.Scale.Length);
            _losses = Allocate(MostSteps);
        }
        catch (CudaException)
        {
            Dispose();
            throw;
        }
        device.UploadBytes(data.Bytes.Span, _images);
        device.Upload(data.Labels.Span, _labels, 0);
        device.Upload(data.Mean, _mean, 0);
        device.Upload(data.Scale, _scale, 0);
    }

    public override void Begin(ReadOnlySpan<int> order, int position, long step, int epoch)
    {
        if (order.Length > 0) _device.Upload(order, _order, 0);
        _start = new StepState((ulong)step, 0, (uint)position, (uint)epoch);
        (_planned, _run) = (0, 0);
        _rules.Clear();
        _segments.Clear();
    }

    public override void Plan<TRule>(TRule rule, ReadOnlySpan<UpdateSegment> segments)
    {
        if (_planned == MostSteps) throw new InvalidOperationException($"ResidentStep: expected at most {MostSteps} steps in a run, got more.");
        if (_ruleTable is null)
        {
            _extents = segments.ToArray();
            _ruleTable = Allocate(sizeof(TRule) / 4 * MostSteps);
            _segmentTable = Allocate(sizeof(UpdateSegment) / 4 * segments.Length * MostSteps);
        }
        _rules.AddRange(new ReadOnlySpan<byte>(&rule, sizeof(TRule)));
        _segments.AddRange(MemoryMarshal.AsBytes(segments));
        _planned++;
    }

    public override void Run(int batch, Action work)
    {
        if (_run++ == 0)
        {
            _device.UploadBytes(CollectionsMarshal.AsSpan(_rules), _ruleTable!);
            _device.UploadBytes(CollectionsMarshal.AsSpan(_segments), _segmentTable!);
            _device.WriteState(_start);
        }
        if (!_graphs.TryGetValue(batch, out var graph))
        {
            // Computed at once: loads the kernels and fills the pools, so that the recording finds all it needs.
            Do();
            _graphs[batch] = 0;
            return;
        }
        if (graph == 0) _graphs[batch] = graph = _device.Capture(Do);
        _device.Driver.LaunchGraph(graph);

        void Do()
        {
            work();
            _device.AdvanceStep(batch);
        }
    }

    public override int End(Span<float> losses)
    {
        _device.Download(_losses, 0, losses[..Math.Min(_run, losses.Length)]);
        var done = (int)_device.ReadState().Index;
        // What is not part of such a run finds its numbers as the host gives them.
        _device.WriteState(default);
        return done;
    }

    public override void Gather(Tensor samples, Tensor labels) =>
        _device.GatherImages(_geometry with { Batch = samples.Shape[0] }, Whole(_images), Whole(_labels), Whole(_order), Whole(_mean), Whole(_scale), samples, labels);

    public override void KeepLoss(Tensor loss) => _device.StoreScalar(loss, Whole(_losses));

    public override void CheckGradients(Tensor gradients) => _device.CheckSquares(gradients);

    public override void Update<TRule>(Tensor values, Tensor gradients, ReadOnlySpan<Tensor> states) =>
        _device.UpdateByTables<TRule>(_ruleTable!, _segmentTable!, _extents, values, gradients, states);

    public override void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _device.Synchronize();
        foreach (var graph in _graphs.Values)
            if (graph != 0) _device.Driver.DestroyGraph(graph);
        foreach (var buffer in _buffers) buffer.Dispose();
    }

    private static Tensor Whole(DeviceBuffer buffer) => new(buffer, 0, new Shape(buffer.Length));

    private DeviceBuffer Allocate(int length)
    {
        _buffers.Add(_device.Allocate(length));
        return _buffers[^1];
    }
}
