namespace RawDL;

public static partial class TensorOps
{
    /// <summary>Mean over all elements of −t·ln σ(x) − (1 − t)·ln(1 − σ(x)) = softplus(x) − t·x, without overflow.</summary>
    /// <param name="logits">Any shape, at least one element.</param>
    /// <param name="targets">Same shape, 0 … 1.</param>
    /// <returns>A scalar, shape [].</returns>
    /// <exception cref="ShapeException">Another shape of the targets, or no element.</exception>
    /// <remarks>Composed of softplus, multiply, subtract and mean.</remarks>
    public static Tensor BinaryCrossEntropyWithLogits(this Tensor logits, Tensor targets)
    {
        RequireSameShape(logits, targets, nameof(BinaryCrossEntropyWithLogits));
        return logits.Softplus().Subtract(logits.Multiply(targets)).Mean();
    }
}
