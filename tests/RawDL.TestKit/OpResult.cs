namespace RawDL.TestKit;

/// <summary>What a row of the table measured on a device.</summary>
/// <param name="ForwardNmse">Squared error of the output over its squared norm.</param>
/// <param name="GradientNmse">The same per input; empty where the row has no gradient.</param>
/// <param name="AdjointError">|⟨A x, w⟩ − ⟨x, Aᵀ w⟩| over the sum of the magnitudes; 0 where the row is not linear.</param>
/// <param name="Failures">One line per broken promise; empty when the row holds.</param>
public sealed record OpResult(double ForwardNmse, double[] GradientNmse, double AdjointError, IReadOnlyList<string> Failures)
{
    /// <summary>True when every promise of the row holds.</summary>
    public bool Passed => Failures.Count == 0;
}

/// <summary>What a device computed for a row: the output, and the gradient of Σ w·y by each input (empty where there is none).</summary>
public sealed record OpValues(float[] Output, float[][] Gradients);
