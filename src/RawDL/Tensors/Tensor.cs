using System.Diagnostics.CodeAnalysis;

namespace RawDL;

/// <summary>A shape over a buffer: 4-byte elements, row-major, contiguous. Elements are float32, save labels and arg-max indices, which are int32.</summary>
/// <remarks>A tensor owns nothing; its buffer belongs to a <see cref="RawDL.Tape"/>, to a parameter set or to the caller. Operations are
/// extension methods in <see cref="TensorOps"/>.</remarks>
public sealed class Tensor
{
    private Tensor? _gradient;
    // The gradient's memory holds anything, and stands for zeros.
    private bool _isBare;

    /// <summary>A view of <paramref name="shape"/> that starts at element <paramref name="offset"/> of <paramref name="buffer"/>.</summary>
    /// <exception cref="ShapeException">The view does not lie inside the buffer.</exception>
    public Tensor(DeviceBuffer buffer, int offset, Shape shape, Tape? tape = null)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        Become(buffer, offset, shape);
        Tape = tape;
    }

    /// <summary>Where the elements lie.</summary>
    public DeviceBuffer Buffer { get; private set; }

    /// <summary>First element in <see cref="Buffer"/>, elements.</summary>
    public int Offset { get; private set; }

    /// <summary>The extents.</summary>
    public Shape Shape { get; private set; }

    /// <summary>The tape that made this tensor, or null for parameters and the caller's own tensors.</summary>
    public Tape? Tape { get; }

    /// <summary>The place where backward passes add ∂loss/∂this, same shape; null where no gradient is wanted.</summary>
    public Tensor? Gradient
    {
        get
        {
            if (_isBare)
            {
                _isBare = false;
                Device.Fill(_gradient!, 0f);
            }
            return _gradient;
        }
        set => (_gradient, _isBare) = (value, false);
    }

    /// <summary>As <see cref="Gradient"/>, for a backward pass that can overwrite as well as add: what nobody has added to needs no zeros.</summary>
    /// <param name="store">What the caller has to do, to every element.</param>
    internal Tensor? TakeGradient(out Store store)
    {
        store = _isBare ? Store.Overwrite : Store.Add;
        _isBare = false;
        return _gradient;
    }

    /// <summary>Memory for the gradient, of any content: it becomes zeros when they are needed, at <see cref="EndGradient"/> at the latest, or is overwritten by the first who adds.</summary>
    /// <param name="memory">Same shape.</param>
    public void BeginGradient(Tensor memory) => (_gradient, _isBare) = (memory, true);

    /// <summary>After the backward passes: zeros where nobody has added, so that the memory may be read without this tensor.</summary>
    public void EndGradient() => _ = Gradient;

    /// <summary>Number of elements.</summary>
    public int Count => Shape.Count;

    /// <summary>The device that holds the elements.</summary>
    public Device Device => Buffer.Device;

    // A tape's object of an earlier step becomes one of this step.
    [MemberNotNull(nameof(Buffer))]
    internal void Become(DeviceBuffer buffer, int offset, Shape shape)
    {
        if (offset < 0 || offset > buffer.Length - shape.Count)
            throw new ShapeException($"Tensor: expected {shape} at offset {offset} to lie inside {buffer.Length} elements.");
        (Buffer, Offset, Shape, Gradient) = (buffer, offset, shape, null);
    }

    /// <summary>Copies the elements to the host.</summary>
    /// <exception cref="ShapeException">The destination has another length.</exception>
    public void CopyTo(Span<float> destination)
    {
        if (destination.Length != Count)
            throw new ShapeException($"Tensor.CopyTo: expected {Count} elements for {Shape}, got {destination.Length}.");
        Device.Download(Buffer, Offset, destination);
    }

    /// <summary>Copies the elements from the host.</summary>
    /// <exception cref="ShapeException">The source has another length.</exception>
    public void CopyFrom(ReadOnlySpan<float> source)
    {
        if (source.Length != Count)
            throw new ShapeException($"Tensor.CopyFrom: expected {Count} elements for {Shape}, got {source.Length}.");
        Device.Upload(source, Buffer, Offset);
    }

    /// <summary>Every element = <paramref name="value"/>.</summary>
    public void Fill(float value) => Device.Fill(this, value);

    /// <summary>A host copy of the elements, row-major.</summary>
    public float[] ToArray()
    {
        var values = new float[Count];
        CopyTo(values);
        return values;
    }

    /// <summary>The value of a tensor of one element.</summary>
    /// <exception cref="ShapeException">More or less than one element.</exception>
    public float Item()
    {
        if (Count != 1) throw new ShapeException($"Tensor.Item: expected one element, got {Shape}.");
        Span<float> value = stackalloc float[1];
        CopyTo(value);
        return value[0];
    }
}
