namespace RawDL.NN;

/// <summary>A layer with an optional activation behind its own work: y = activation(own(x)).</summary>
public abstract class ActivatedLayer : Layer
{
    private protected ActivatedLayer() { }

    /// <summary>Applied to the result, or null.</summary>
    public Activation? Activation { get; init; }

    /// <inheritdoc/>
    public sealed override IReadOnlyList<Layer> Children => Activation is null ? OwnChildren : [.. OwnChildren, Activation];

    /// <summary>The layers inside without the activation.</summary>
    private protected virtual IReadOnlyList<Layer> OwnChildren => [];

    /// <summary>As <see cref="Layer.Resolve"/>, without the activation.</summary>
    private protected abstract Shape ResolveOwn(Shape input);

    /// <summary>As <see cref="Layer.Compute"/>, without the activation.</summary>
    private protected abstract Tensor ComputeOwn(Tensor x);

    /// <inheritdoc/>
    protected sealed override Shape Resolve(Shape input)
    {
        var output = ResolveOwn(input);
        Activation?.Bind(output, Inside("activation"));
        return output;
    }

    /// <summary>As <see cref="ComputeOwn"/> with ReLU behind in one operation, or null where there is none.</summary>
    private protected virtual Tensor? ComputeRelu(Tensor x) => null;

    /// <inheritdoc/>
    protected sealed override Tensor Compute(Tensor x)
    {
        if (Activation is { Type: "relu" } && ComputeRelu(x) is { } rectified) return Activation.Output = rectified;
        var y = ComputeOwn(x);
        return Activation?.Forward(y) ?? y;
    }
}
