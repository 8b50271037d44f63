using RawDL.Benchmarks;

namespace RawDL.Peers;

/// <summary>One library of the comparison, in a process of its own. What it does not do is null.</summary>
internal abstract class Side : IDisposable
{
    /// <summary>Name and version of what computes.</summary>
    public abstract string Version { get; }

    /// <summary>C [rows, columns] = A [rows, inner] · B [inner, columns], row-major, into memory that is there. Units: floating-point operations.</summary>
    public virtual Work? MatMul(int rows, int columns, int inner, int threads) => null;

    /// <summary>A training step of LeNet. Units: images.</summary>
    public virtual Work? Training(int batch, int threads, LeNetWidths widths) => null;

    /// <summary>The forward pass of LeNet, logits in host memory. Units: images.</summary>
    public virtual Work? Inference(int batch, int threads) => null;

    /// <summary>Convolution <paramref name="number"/> of LeNet with ReLU and max-pool, forward and backward. Units: images.</summary>
    public virtual Work? Layer(int number, int batch, int threads) => null;

    /// <summary>Logits of <see cref="SharedData"/>, [Batch, 10].</summary>
    public virtual float[]? Logits() => null;

    /// <summary>The loss of <see cref="SharedData"/> after some training steps.</summary>
    public virtual double? Loss(int steps) => null;

    /// <summary>Device memory that a training step holds beside parameters, gradients and state, bytes.</summary>
    public virtual double? StepBytes(int batch) => null;

    public virtual void Dispose() { }

    /// <summary>The side of a name.</summary>
    /// <param name="name">One of <see cref="Comparison"/>'s.</param>
    /// <param name="file">That of <see cref="SharedData"/>; RawDL writes it.</param>
    /// <exception cref="NotSupportedException">It is not here; the message says why.</exception>
    public static Side Open(string name, string file) => name switch
    {
        "rawdl" => new RawDLSide(file),
        "openblas" => new OpenBlasSide(),
#if TORCHSHARP
        "torchsharp" => new TorchSharpSide(SharedData.Read(file)),
#endif
#if ONNXRUNTIME
        "onnxruntime" => new OnnxRuntimeSide(SharedData.Read(file)),
#endif
        _ => throw new NotSupportedException("its package did not restore"),
    };

    /// <summary>Any numbers: −1 to 1, in steps of 1/64.</summary>
    protected static float[] Numbers(int count)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++) values[i] = (i * 37 % 129 - 64) / 64f;
        return values;
    }
}
