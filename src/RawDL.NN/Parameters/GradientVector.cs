namespace RawDL.NN;

/// <summary>Memory for the gradients of a parameter set.</summary>
internal sealed class GradientVector : IDisposable
{
    private readonly DeviceBuffer _buffer;

    /// <summary>Allocates it, uninitialised, on the set's device.</summary>
    public GradientVector(ParameterSet set)
    {
        _buffer = set.Values.Device.Allocate(set.TrainableCount);
        All = new Tensor(_buffer, 0, new Shape(set.TrainableCount));
        OfParameters = [.. set.Parameters.Select(parameter => parameter.IsTrainable ? new Tensor(_buffer, set.Offset(parameter), parameter.Shape) : null)];
    }

    /// <summary>The gradients, [<see cref="ParameterSet.TrainableCount"/>].</summary>
    public Tensor All { get; }

    /// <summary>Each parameter's part, in order of declaration; null for statistics.</summary>
    public IReadOnlyList<Tensor?> OfParameters { get; }

    public void Dispose() => _buffer.Dispose();
}
