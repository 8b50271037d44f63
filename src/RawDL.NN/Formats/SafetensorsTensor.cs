using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace RawDL.NN;

/// <summary>One named tensor of a safetensors file: its bytes as stored (little-endian, row-major) and what they mean.</summary>
public sealed class SafetensorsTensor
{
    private readonly long[] _extents;
    private readonly string _source;

    /// <summary>Creates a tensor over bytes, which are kept, not copied.</summary>
    /// <param name="name">The name; unique in its file.</param>
    /// <param name="dtype">The element type as the format names it: <c>F32</c>, <c>F16</c>, <c>BF16</c>, <c>F64</c>, <c>I64</c>, <c>U8</c>, …</param>
    /// <param name="extents">The shape, outermost first; none for a scalar.</param>
    /// <param name="data">The bytes, little-endian.</param>
    /// <exception cref="ArgumentException">The type is unknown, there are more than 32 extents, or the bytes do not fill the shape exactly.</exception>
    public SafetensorsTensor(string name, string dtype, ReadOnlySpan<long> extents, ReadOnlyMemory<byte> data)
        : this(name, dtype, extents.ToArray(), data, "tensor")
    {
        if (name == SafetensorsHeader.MetadataKey) throw new ArgumentException($"SafetensorsTensor: expected a name other than {name}, which the format reserves.");
        var quoted = RawFileException.Quote(name);
        if (SafetensorsDtype.Order(dtype) < 0) throw new ArgumentException($"SafetensorsTensor: {quoted} expects a known element type, got {RawFileException.Quote(dtype)}.");
        if (extents.Length > SafetensorsHeader.MaxRank) throw new ArgumentException($"SafetensorsTensor: {quoted} expects at most {SafetensorsHeader.MaxRank} extents, got {extents.Length}.");
        foreach (var extent in extents)
            if (extent < 0) throw new ArgumentException($"SafetensorsTensor: {quoted} expects extents >= 0, got {extent}.");
        var bytes = SafetensorsDtype.ByteCount(dtype, extents);
        var size = bytes < 0 ? "a size of whole bytes below 2^63" : $"{bytes} bytes";
        if (bytes != data.Length) throw new ArgumentException($"SafetensorsTensor: {quoted} {dtype} [{string.Join(", ", _extents)}] expects {size}, got {data.Length}.");
    }

    internal SafetensorsTensor(string name, string dtype, long[] extents, ReadOnlyMemory<byte> data, string source)
    {
        (Name, Dtype, _extents, Data, _source) = (name, dtype, extents, data, source);
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>The element type as the format names it, such as <c>F32</c>.</summary>
    public string Dtype { get; }

    /// <summary>The shape, outermost first; empty for a scalar.</summary>
    public ReadOnlySpan<long> Extents => _extents;

    /// <summary>The bytes as stored: little-endian, row-major.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>Number of elements.</summary>
    public long Count
    {
        get
        {
            var count = 1L;
            foreach (var extent in _extents) count *= extent;
            return count;
        }
    }

    /// <summary>Copies float32 values into a tensor of type F32.</summary>
    /// <exception cref="ShapeException">The values do not fill the shape.</exception>
    public static SafetensorsTensor Create(string name, Shape shape, ReadOnlySpan<float> values)
    {
        if (values.Length != shape.Count) throw new ShapeException($"SafetensorsTensor: {RawFileException.Quote(name)} {shape} expects {shape.Count} values, got {values.Length}.");
        var bytes = GC.AllocateUninitializedArray<byte>(checked(values.Length * sizeof(float)));
        if (BitConverter.IsLittleEndian) MemoryMarshal.AsBytes(values).CopyTo(bytes);
        else
            for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);
        return new SafetensorsTensor(name, "F32", Array.ConvertAll(shape.ToArray(), extent => (long)extent), bytes);
    }

    /// <summary>Whether the tensor has exactly this shape.</summary>
    public bool HasShape(Shape shape)
    {
        if (_extents.Length != shape.Rank) return false;
        for (var i = 0; i < _extents.Length; i++)
            if (_extents[i] != shape[i]) return false;
        return true;
    }

    /// <summary>Writes the elements as float32: F32 as they are, F16 and BF16 exactly, F64 rounded to nearest.</summary>
    /// <exception cref="RawFileException">The type is none of these, or the number of elements is not the destination's.</exception>
    public void CopyTo(Span<float> destination)
    {
        if (destination.Length != Count)
            throw new RawFileException(_source, null, $"expected {destination.Length} elements in tensor {RawFileException.Quote(Name)}, got {Count}");
        var bytes = Data.Span;
        switch (Dtype)
        {
            case "F32" when BitConverter.IsLittleEndian:
                bytes.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case "F32":
                for (var i = 0; i < destination.Length; i++) destination[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes[(4 * i)..]);
                break;
            case "F16":
                for (var i = 0; i < destination.Length; i++) destination[i] = (float)BinaryPrimitives.ReadHalfLittleEndian(bytes[(2 * i)..]);
                break;
            case "BF16":
                // bfloat16 is the upper half of a float32.
                for (var i = 0; i < destination.Length; i++)
                    destination[i] = BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * i)..]) << 16);
                break;
            case "F64":
                for (var i = 0; i < destination.Length; i++) destination[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(8 * i)..]);
                break;
            default:
                throw new RawFileException(_source, null, $"expected F32, F16, BF16 or F64 in tensor {RawFileException.Quote(Name)}, got {Dtype}");
        }
    }

    /// <summary>The elements as a new float32 array; see <see cref="CopyTo"/>.</summary>
    /// <exception cref="RawFileException">The type is not a float type, or the array would be too long.</exception>
    public float[] ToFloats()
    {
        if (Count > Array.MaxLength) throw new RawFileException(_source, null, $"expected at most {Array.MaxLength} elements in tensor {RawFileException.Quote(Name)}, got {Count}");
        var values = new float[Count];
        CopyTo(values);
        return values;
    }
}
