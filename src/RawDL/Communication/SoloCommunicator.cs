namespace RawDL;

/// <summary>The group of one: every collective is the identity. A single process trains through it, so a trainer has no distributed branch.</summary>
public sealed unsafe class SoloCommunicator : ICommunicator
{
    /// <summary>Always 0.</summary>
    public int Rank => 0;

    /// <summary>Always 1.</summary>
    public int Size => 1;

    /// <inheritdoc/>
    public void AllReduceSum(Span<float> values) { }

    /// <inheritdoc/>
    public void AllReduceSum(Span<double> values) { }

    /// <inheritdoc/>
    public ICommunicationRequest StartAllReduceSum(float* values, long count) => new CompletedRequest();

    /// <inheritdoc/>
    public void ReduceScatterSum(ReadOnlySpan<float> values, Span<float> mine) => values.CopyTo(mine);

    /// <inheritdoc/>
    public void AllGather<T>(ReadOnlySpan<T> mine, Span<T> all) where T : unmanaged => mine.CopyTo(all);

    /// <inheritdoc/>
    public void AllToAll<T>(ReadOnlySpan<T> outgoing, Span<T> incoming) where T : unmanaged => outgoing.CopyTo(incoming);

    /// <inheritdoc/>
    public void Broadcast<T>(Span<T> values, int root) where T : unmanaged
    {
        if (root != 0) throw new ArgumentOutOfRangeException(nameof(root), root, "SoloCommunicator.Broadcast: expected root 0.");
    }

    /// <inheritdoc/>
    public void Barrier() { }

    /// <inheritdoc/>
    public ICommunicator Split(int color, int key) => this;

    /// <inheritdoc/>
    public ICommunicator SplitByNode() => this;

    /// <inheritdoc/>
    public void Send<T>(ReadOnlySpan<T> values, int destination, int tag) where T : unmanaged => throw Alone(nameof(Send));

    /// <inheritdoc/>
    public ICommunicationRequest StartSend<T>(T* values, int count, int destination, int tag) where T : unmanaged => throw Alone(nameof(StartSend));

    /// <inheritdoc/>
    public MessageEnvelope Receive<T>(Span<T> values, int source, int tag) where T : unmanaged => throw Alone(nameof(Receive));

    /// <inheritdoc/>
    public bool TryProbe<T>(int source, int tag, out MessageEnvelope message) where T : unmanaged => throw Alone(nameof(TryProbe));

    /// <inheritdoc/>
    public MessageEnvelope Probe<T>(int source, int tag) where T : unmanaged => throw Alone(nameof(Probe));

    private static InvalidOperationException Alone(string operation) => new($"SoloCommunicator.{operation}: expected another rank, got a group of one.");
}
