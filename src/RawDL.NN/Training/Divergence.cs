namespace RawDL.NN;

/// <summary>Finds where a NaN or an infinity came in, and says so in one line.</summary>
internal static class Divergence
{
    private const string Advice = "a smaller learning rate, clip_norm or warm-up may help; the last checkpoint is as it was";

    /// <summary>The first tensor in order of work that is not finite: input, parameter, output of a layer, loss.</summary>
    public static TrainingDivergedException OfForward(long step, Model model, Tensor input, float loss)
    {
        if (!IsFinite(input)) return Found(step, "input", "the normalised samples are");
        foreach (var layer in Leaves(model.Network))
        {
            foreach (var parameter in layer.Parameters)
                if (!IsFinite(parameter.Value)) return Found(step, layer.Path, $"parameter {parameter.Name} is");
            if (layer.Output is { } output && !IsFinite(output)) return Found(step, layer.Path, $"the output of layer {layer.Path} ({layer.Type}) is");
        }
        return Found(step, "loss", FormattableString.Invariant($"every layer's output is finite, but the loss {loss} is"));
    }

    /// <summary>The parameter nearest to the loss whose gradient is not finite.</summary>
    public static TrainingDivergedException OfBackward(long step, Model model)
    {
        var parameters = model.Parameters.Parameters;
        for (var i = parameters.Count - 1; i >= 0; i--)
            if (parameters[i].Value.Gradient is { } gradient && !IsFinite(gradient)) return Found(step, parameters[i].Name, $"the gradient of {parameters[i].Name} is");
        return Found(step, "gradients", "the norm of the gradients is");
    }

    /// <summary>The first parameter that is not finite.</summary>
    public static TrainingDivergedException OfParameters(long step, Model model)
    {
        foreach (var parameter in model.Parameters.Parameters)
            if (!IsFinite(parameter.Value)) return Found(step, parameter.Name, $"parameter {parameter.Name} is");
        return Found(step, "parameters", "the norm of the parameters is");
    }

    private static TrainingDivergedException Found(long step, string layer, string what) =>
        new(step, layer, $"training diverged: expected finite values, but in step {step} {what} not finite; {Advice}.");

    private static bool IsFinite(Tensor tensor) => double.IsFinite(tensor.SumOfSquares());

    // In order of work: what is inside a layer before the layer itself, whose output comes from theirs.
    private static IEnumerable<Layer> Leaves(Layer layer)
    {
        foreach (var child in layer.Children)
            foreach (var leaf in Leaves(child)) yield return leaf;
        yield return layer;
    }
}
