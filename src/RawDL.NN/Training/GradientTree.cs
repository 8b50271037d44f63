namespace RawDL.NN;

/// <summary>
/// Adds the gradients of a step's parts as a binary tree over their numbers, ((g₀ + g₁) + (g₂ + g₃)) + …, which is the tree of <see cref="Reduction"/> over ranks: where every rank has the same
/// power of two of parts, the sum over parts and then over ranks has the bits of the sum over all parts on one.
/// </summary>
/// <remarks>The sums of subtrees that wait for their neighbours lie on the device, one vector per level; made when first needed.</remarks>
internal sealed class GradientTree(ParameterSet parameters) : IDisposable
{
    private readonly List<DeviceBuffer> _buffers = [];
    private readonly List<Tensor> _sums = [];
    private int _parts;

    /// <summary>Before the first part.</summary>
    public void Begin()
    {
        _parts = 0;
        parameters.ZeroGradients();
    }

    /// <summary>After the backward pass of a part. After the last one the gradients are the sum; before it they are 0 again.</summary>
    public void Add(bool isLast)
    {
        var level = 0;
        for (; (_parts >> level & 1) != 0; level++) parameters.Gradients.Accumulate(_sums[level]);
        if (isLast)
        {
            for (level++; _parts >> level != 0; level++)
                if ((_parts >> level & 1) != 0) parameters.Gradients.Accumulate(_sums[level]);
            return;
        }
        if (level == _sums.Count)
        {
            _buffers.Add(parameters.Gradients.Device.Allocate(parameters.TrainableCount));
            _sums.Add(new Tensor(_buffers[level], 0, parameters.Gradients.Shape));
        }
        _sums[level].CopyFrom(parameters.Gradients);
        parameters.ZeroGradients();
        _parts++;
    }

    /// <summary>Frees the sums.</summary>
    public void Dispose()
    {
        foreach (var buffer in _buffers) buffer.Dispose();
        _buffers.Clear();
        _sums.Clear();
    }
}
