namespace RawDL.Spark;

/// <summary>Frames of a length and bytes, as partitions travel in both directions.</summary>
/// <param name="reader">The connection.</param>
/// <param name="end">What follows the last frame.</param>
internal sealed class FrameReader(WireReader reader, FrameEnd end)
{
    // Most frames fit; a larger one grows the buffer as its bytes come.
    private const int FirstPiece = 1 << 19;
    private byte[] _buffer = [];
    private int _length;
    private bool _ended;

    /// <summary>True if the frame is Spark's null.</summary>
    internal bool IsNull { get; private set; }

    /// <summary>The frame; valid until the next <see cref="MoveNext"/>.</summary>
    internal ReadOnlyMemory<byte> Current => _buffer.AsMemory(0, _length);

    internal bool MoveNext()
    {
        if (_ended) return false;
        var length = 0;
        if (end == FrameEnd.Mark) length = reader.ReadInt();
        else _ended = !reader.TryReadInt(out length);
        _ended |= end == FrameEnd.Mark && length == SpecialLength.EndOfData;
        IsNull = length == SpecialLength.Null;
        _length = 0;
        if (_ended || IsNull) return !_ended;
        if (length < 0) throw new SparkProtocolException($"frame: expected a length, got {length}");
        reader.ReadBytes(length, ref _buffer, 0, FirstPiece);
        _length = length;
        return true;
    }
}

/// <summary>What follows the last frame.</summary>
internal enum FrameEnd
{
    /// <summary>END_OF_DATA_SECTION.</summary>
    Mark,

    /// <summary>The connection ends.</summary>
    Connection,
}
