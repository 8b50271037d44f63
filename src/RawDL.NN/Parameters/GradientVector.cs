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
        Others = Runs(set);
    }

    /// <summary>The gradients, [<see cref="ParameterSet.TrainableCount"/>].</summary>
    public Tensor All { get; }

    /// <summary>Each parameter's part, in order of declaration; null for statistics.</summary>
    public IReadOnlyList<Tensor?> OfParameters { get; }

    /// <summary>All but the matrices, in runs.</summary>
    public IReadOnlyList<Tensor> Others { get; }

    /// <summary>Whether it is a matrix: the layers that have some multiply by them, and a product overwrites as well as it adds.</summary>
    public static bool IsMatrix(Parameter parameter) => parameter is { IsTrainable: true, Shape.Rank: 2 };

    public void Dispose() => _buffer.Dispose();

    private List<Tensor> Runs(ParameterSet set)
    {
        var runs = new List<Tensor>();
        var start = 0;
        foreach (var parameter in set.Parameters)
            if (IsMatrix(parameter))
            {
                Add(set.Offset(parameter));
                start = set.Offset(parameter) + parameter.Shape.Count;
            }
        Add(set.TrainableCount);
        return runs;

        void Add(int end)
        {
            if (end > start) runs.Add(new Tensor(_buffer, start, new Shape(end - start)));
        }
    }
}
