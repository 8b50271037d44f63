namespace RawDL.NN;

/// <summary>
/// Adds the gradients of a step's parts as a binary tree over their numbers, ((g₀ + g₁) + (g₂ + g₃)) + …, which is the tree of <see cref="Reduction"/> over ranks: where every rank has the same
/// power of two of parts, the sum over parts and then over ranks has the bits of the sum over all parts on one.
/// </summary>
/// <remarks>The gradients of a part stay where they are until their neighbours come: the next part has memory of its own, made when first needed. The last part has the set's own, which so receives the sum.</remarks>
internal sealed class GradientTree(ParameterSet parameters) : IDisposable
{
    private readonly List<GradientVector> _vectors = [];
    private readonly Stack<GradientVector> _free = [];
    // The sums of whole subtrees, by height.
    private readonly List<GradientVector?> _sums = [];
    // That of the part at hand; null for the last one.
    private GradientVector? _own;
    private int _parts;

    /// <summary>Before a part's forward pass: gradients are 0.</summary>
    public void Begin(bool isLast)
    {
        _own = isLast ? null : Take();
        parameters.UseGradients(_own);
        parameters.BeginGradients();
    }

    /// <summary>After the backward pass of a part. After the last one the gradients are the sum of all.</summary>
    public void End()
    {
        parameters.EndGradients();
        var height = 0;
        for (; (_parts >> height & 1) != 0; height++) Add(height);
        if (_own is null)
        {
            for (height++; _parts >> height != 0; height++)
                if ((_parts >> height & 1) != 0) Add(height);
            _parts = 0;
            return;
        }
        if (height == _sums.Count) _sums.Add(null);
        _sums[height] = _own;
        _parts++;
    }

    /// <summary>After a part that failed, behind which no other comes.</summary>
    public void Abandon()
    {
        parameters.UseGradients(null);
        (_own, _parts) = (null, 0);
        _free.Clear();
        foreach (var vector in _vectors) _free.Push(vector);
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        foreach (var vector in _vectors) vector.Dispose();
        _vectors.Clear();
    }

    private GradientVector Take()
    {
        if (_free.TryPop(out var vector)) return vector;
        _vectors.Add(vector = new GradientVector(parameters));
        return vector;
    }

    private void Add(int height)
    {
        parameters.Gradients.Accumulate(_sums[height]!.All);
        _free.Push(_sums[height]!);
    }
}
