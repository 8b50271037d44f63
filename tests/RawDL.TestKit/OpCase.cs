namespace RawDL.TestKit;

/// <summary>One row of the table of operations: what to apply to which shapes, and naive loops in double that say what must come out.</summary>
/// <param name="Name">Unique in the table; also the seed of the row's random inputs.</param>
/// <param name="Inputs">Shapes of the inputs; each is given as a variable of the tape.</param>
/// <param name="Apply">The operation under test; labels, say, are brought in by <c>x[0].Tape!.Labels(…)</c>.</param>
/// <param name="Oracle">The same function of the same inputs, flat and row-major.</param>
public sealed record OpCase(string Name, Shape[] Inputs, Func<Tensor[], Tensor> Apply, Func<double[][], double[]> Oracle)
{
    /// <summary>Highest squared error of the output over its squared norm.</summary>
    public double ForwardNmse { get; init; } = 1e-12;

    /// <summary>Highest squared error of a gradient over its squared norm.</summary>
    public double GradientNmse { get; init; } = 1e-9;

    /// <summary>Lower end of the uniform inputs.</summary>
    public float Low { get; init; } = -2f;

    /// <summary>Upper end of the uniform inputs.</summary>
    public float High { get; init; } = 2f;

    /// <summary>Points without a derivative: inputs keep a distance of 0.05 from them.</summary>
    public float[] Kinks { get; init; } = [];

    /// <summary>The inputs are whole numbers and the output must be exact.</summary>
    public bool Integers { get; init; }

    /// <summary>Linear in input 0 with the others fixed: ⟨A x, w⟩ = ⟨x, Aᵀ w⟩ must hold.</summary>
    public bool Linear { get; init; }

    /// <summary>False where central differences mean nothing (ties between whole numbers, say).</summary>
    public bool Differentiable { get; init; } = true;

    /// <summary>Training, unless the row is about inference; an inference tape keeps no gradients.</summary>
    public TapeMode Mode { get; init; } = TapeMode.Training;

    /// <inheritdoc/>
    public override string ToString() => Name;
}
