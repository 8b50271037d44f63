using System.Text.Json;

namespace RawDL.NN;

/// <summary>y = activation(W ⋆ x + b): images [In, H, W] → [Out, OutH, OutW], see <see cref="TensorOps.Conv2d"/>. Parameters weight [Out, In / Groups, U, V] and bias [Out].</summary>
/// <param name="outChannels">Out, ≥ 1.</param>
/// <param name="kernel">U × V, pixels.</param>
public sealed class Conv2d(int outChannels, (int Height, int Width) kernel) : ActivatedLayer
{
    private Parameter? _weight, _bias;
    private Conv2dOptions? _options;

    /// <summary>A square kernel.</summary>
    /// <param name="outChannels">Out, ≥ 1.</param>
    /// <param name="kernel">U = V, pixels.</param>
    public Conv2d(int outChannels, int kernel) : this(outChannels, (kernel, kernel)) { }

    /// <inheritdoc/>
    public override string Type => "conv2d";

    /// <summary>Out.</summary>
    public int OutChannels { get; } = outChannels >= 1 ? outChannels : throw new ArgumentOutOfRangeException(nameof(outChannels), outChannels, "Conv2d: expected at least 1 output channel.");

    /// <summary>In, where the caller wants it checked; null takes what comes.</summary>
    public int? InChannels { get; init; }

    /// <summary>U × V, pixels.</summary>
    public (int Height, int Width) Kernel { get; } = kernel;

    /// <summary>Pixels from one window to the next.</summary>
    public (int Height, int Width) Stride { get; init; } = (1, 1);

    /// <summary>Zeros added on every side, pixels.</summary>
    public (int Height, int Width) Padding { get; init; }

    /// <summary>Pixels between neighbours of the kernel.</summary>
    public (int Height, int Width) Dilation { get; init; } = (1, 1);

    /// <summary>Channel groups that do not see each other.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>Whether b is there.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Gives W its first values; b starts at zero.</summary>
    public Initializer Initializer { get; init; } = Initializer.HeUniform;

    /// <inheritdoc/>
    protected override long OwnFlops => (2L * _weight!.Shape.Product(1, 4) + (Bias ? 1 : 0)) * OutputShape.Count;

    internal static Conv2d Read(ConfigurationObject source)
    {
        var kernel = source.Pair("kernel", 1) ?? throw source.Fail("expected 'kernel', an integer >= 1 or [height, width]", "none");
        return new Conv2d(source.RequiredInteger("out_channels", 1), kernel)
        {
            InChannels = source.OptionalInteger("in_channels", 1),
            Stride = source.Pair("stride", (1, 1), 1),
            Padding = source.Pair("padding", (0, 0), 0),
            Dilation = source.Pair("dilation", (1, 1), 1),
            Groups = source.Integer("groups", 1, 1),
            Bias = source.Flag("bias", true),
            Initializer = source.Initializer("initializer", Initializer.HeUniform),
            Activation = source.Activation(),
        };
    }

    /// <inheritdoc/>
    protected internal override void WriteOptions(Utf8JsonWriter json)
    {
        if (_weight is not null) json.WriteNumber("in_channels", InputShape[0]);
        else if (InChannels is { } channels) json.WriteNumber("in_channels", channels);
        json.WriteNumber("out_channels", OutChannels);
        json.WritePair("kernel", Kernel);
        json.WritePair("stride", Stride);
        json.WritePair("padding", Padding);
        json.WritePair("dilation", Dilation);
        json.WriteNumber("groups", Groups);
        json.WriteBoolean("bias", Bias);
        json.WriteInitializer("initializer", Initializer);
        json.WriteActivation(Activation);
    }

    /// <inheritdoc/>
    private protected override Shape ResolveOwn(Shape input)
    {
        if (input.Rank != 3) throw Mismatch("samples [C, H, W]", $"{input}");
        var channels = input[0];
        if ((InChannels ?? channels) != channels) throw Mismatch($"samples [{InChannels}, H, W]", $"{input}");
        if (Groups < 1 || channels % Groups != 0) throw Mismatch($"input channels that are a multiple of {Groups} groups", $"{input}");
        var shape = new Shape(OutChannels, channels / Groups, Kernel.Height, Kernel.Width);
        _options = new Conv2dOptions { Stride = Stride, Padding = Padding, Dilation = Dilation, Groups = Groups };
        var geometry = Fit(() => Conv2dGeometry.Resolve(input.Batched(1), shape, null, _options));
        var window = Kernel.Height * Kernel.Width;
        _weight = Declare("weight", shape, ParameterKind.Weight, Initializer, channels / Groups * window, OutChannels / Groups * window);
        if (Bias) _bias = Declare("bias", new Shape(OutChannels), ParameterKind.Bias, Initializer.Zeros);
        return new Shape(OutChannels, geometry.OutHeight, geometry.OutWidth);
    }

    /// <summary>As <see cref="Layer.Forward"/>, with ReLU and the maximum over windows of 2 × 2 behind in one operation. Its result stands for the output of the layers
    /// that it does the work of: what is not a number passes through all of them.</summary>
    internal Tensor ForwardPooled(Tensor x)
    {
        Enter(x);
        Output = x.Conv2dReluMaxPool2d(_weight!.Value, _bias?.Value, _options);
        if (Activation is not null) Activation.Output = Output;
        return Output;
    }

    /// <inheritdoc/>
    private protected override Tensor ComputeOwn(Tensor x) => x.Conv2d(_weight!.Value, _bias?.Value, _options);
}
