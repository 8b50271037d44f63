namespace RawDL.NN;

/// <summary>A round of all replicas.</summary>
/// <param name="Contributions">By rank.</param>
/// <param name="Sum">Σ weightᵢ·vectorᵢ, in the order of <see cref="Reduction"/>'s tree.</param>
/// <param name="Distances">‖w_i − w̄‖² of each replica over the trainable parameters; zeros of a sum of gradients.</param>
/// <param name="Norm">‖w̄‖².</param>
internal sealed record RoundOutcome(RoundContribution[] Contributions, float[] Sum, double[] Distances, double Norm);
