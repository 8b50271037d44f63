namespace RawDL.NN;

/// <summary><see cref="Adam"/> with decoupled weight decay: w ← w − η·λ·w before Adam's rule. Source: Loshchilov and Hutter, ICLR 2019, algorithm 2.</summary>
/// <param name="learningRate">Base rate η, ≥ 0.</param>
/// <param name="beta1">Decay β₁ of the first moment, 0 ≤ beta1 &lt; 1.</param>
/// <param name="beta2">Decay β₂ of the second moment, 0 ≤ beta2 &lt; 1.</param>
/// <param name="epsilon">ε that keeps the divisor above 0, &gt; 0.</param>
/// <param name="weightDecay">Decoupled decay λ, ≥ 0; weights only.</param>
public sealed class AdamW(float learningRate = 1e-3f, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f, float weightDecay = 1e-2f)
    : Optimizer("adamw", learningRate, ["first_moment", "second_moment"],
        Option.BelowOne("beta1", beta1), Option.BelowOne("beta2", beta2), Option.Positive("epsilon", epsilon), Option.NotNegative("weight_decay", weightDecay))
{
    private protected override float OwnDecay => weightDecay;

    private protected override void Apply(long step, double learningRate) => Run(AdamRule.Of(step, learningRate, beta1, beta2, epsilon));
}
