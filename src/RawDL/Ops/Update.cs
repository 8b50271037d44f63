namespace RawDL;

public static partial class TensorOps
{
    /// <summary>One step of an optimizer in one pass: values ← rule(values, gradients, states) on each segment, in place.</summary>
    /// <param name="values">Flat, [n] or longer.</param>
    /// <param name="gradients">[n]; segments lie inside it.</param>
    /// <param name="segments">Runs with their own scale, clipping and regularisation; they do not overlap.</param>
    /// <param name="rule">The rule with the coefficients of this step.</param>
    /// <param name="states">At least <see cref="IUpdateRule.StateCount"/> tensors [n].</param>
    /// <exception cref="ShapeException">A segment or a state does not fit the gradients, or there are too few states.</exception>
    public static void Update<TRule>(this Tensor values, Tensor gradients, ReadOnlySpan<UpdateSegment> segments, TRule rule, ReadOnlySpan<Tensor> states)
        where TRule : unmanaged, IUpdateRule
    {
        if (values.Count < gradients.Count)
            throw new ShapeException($"Update: expected at least {gradients.Count} values, got {values.Shape}.");
        if (states.Length < TRule.StateCount)
            throw new ShapeException($"Update: {TRule.Kernel} expected {TRule.StateCount} states, got {states.Length}.");
        foreach (var state in states)
            if (state.Count != gradients.Count) throw new ShapeException($"Update: expected states [{gradients.Count}], got {state.Shape}.");
        foreach (var segment in segments)
            if (segment.Offset < 0 || segment.Count < 0 || segment.Offset > gradients.Count - segment.Count)
                throw new ShapeException($"Update: expected segments inside {gradients.Shape}, got {segment.Count} elements at {segment.Offset}.");
        values.Device.Update(rule, segments, values, gradients,
            states.Length > 0 ? states[0] : null, states.Length > 1 ? states[1] : null, states.Length > 2 ? states[2] : null);
    }

    /// <summary>Σ x² in double; not finite when an element is not. Waits for the device.</summary>
    /// <param name="x">Any shape.</param>
    public static double SumOfSquares(this Tensor x) => x.Device.SumOfSquares(x);
}
