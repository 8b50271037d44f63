namespace RawDL;

/// <summary>The group of one: every operation is the identity. A single process trains through it, so a trainer has no distributed branch.</summary>
public sealed class SoloCommunicator : ICommunicator
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
    public void Broadcast(Span<float> values, int root)
    {
        if (root != 0) throw new ArgumentOutOfRangeException(nameof(root), root, "SoloCommunicator.Broadcast: expected root 0.");
    }

    /// <inheritdoc/>
    public void Barrier() { }
}
