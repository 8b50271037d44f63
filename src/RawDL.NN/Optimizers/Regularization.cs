namespace RawDL.NN;

/// <summary>What is done to gradients and weights besides the optimizer's rule. Order: scale of norm clipping, clipping by value, L2 and L1 terms,
/// decoupled decay, rule. Biases and normalisation parameters are clipped, not regularised.</summary>
public sealed record Regularization
{
    /// <summary>Coefficient of Σ|w|: g ← g + L1·sign(w).</summary>
    public float L1 { get; init; }

    /// <summary>Coefficient of Σw²/2: g ← g + L2·w, the <c>weight_decay</c> of PyTorch's SGD and Adam.</summary>
    public float L2 { get; init; }

    /// <summary>Decoupled weight decay: w ← w − learning rate · Decay · w. Source: Loshchilov and Hutter, ICLR 2019, algorithm 1.</summary>
    public float Decay { get; init; }

    /// <summary>g ← clip(g, ±ClipValue); +∞ for none.</summary>
    public float ClipValue { get; init; } = float.PositiveInfinity;

    /// <summary>g ← g · min(1, ClipNorm / ‖g‖₂), ‖g‖ over all parameters; +∞ for none. Source: Pascanu, Mikolov and Bengio, ICML 2013, algorithm 1.</summary>
    public float ClipNorm { get; init; } = float.PositiveInfinity;

    /// <summary>As <see cref="ClipNorm"/> with the norm over each layer's parameters; +∞ for none. Goes before <see cref="ClipNorm"/> when both are set.</summary>
    public float ClipNormPerLayer { get; init; } = float.PositiveInfinity;

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="ArgumentException">A coefficient below 0 or not finite, or a clip that is not above 0. One line.</exception>
    public void Require()
    {
        Option.NotNegative("l1", L1).Require("regularization");
        Option.NotNegative("l2", L2).Require("regularization");
        Option.NotNegative("decay", Decay).Require("regularization");
        Option.PositiveOrInfinite("clip_value", ClipValue).Require("regularization");
        Option.PositiveOrInfinite("clip_norm", ClipNorm).Require("regularization");
        Option.PositiveOrInfinite("clip_norm_per_layer", ClipNormPerLayer).Require("regularization");
    }
}
