using Apache.Arrow;

namespace RawDL.Spark;

/// <summary>The elements of a partition: frames of bytes, or Arrow batches in a SQL task. What a task leaves is read and dropped.</summary>
public sealed class TaskInput
{
    private readonly WireReader _wire;
    private readonly FrameReader _frames;
    private byte[] _arrow = [];
    private int _schemaBytes;
    private bool _ended;

    internal TaskInput(WireReader wire, bool isArrow)
    {
        (_wire, IsArrow) = (wire, isArrow);
        _frames = new FrameReader(wire, FrameEnd.Mark);
    }

    /// <summary>True in a SQL task: <see cref="ReadBatch"/> instead of <see cref="MoveNext"/>.</summary>
    public bool IsArrow { get; }

    /// <summary>True if the frame is a null element.</summary>
    public bool IsNull => _frames.IsNull;

    /// <summary>The frame's bytes; valid until the next <see cref="MoveNext"/>.</summary>
    public ReadOnlyMemory<byte> Current => _frames.Current;

    /// <summary>Goes to the next frame; false after the last.</summary>
    public bool MoveNext() => IsArrow ? throw new InvalidOperationException("input: expected ReadBatch in a SQL task, got MoveNext") : _frames.MoveNext();

    /// <summary>The next rows, a column for each of the DataFrame's, or null after the last. Valid until the next call.</summary>
    public RecordBatch? ReadBatch() => ReadMessage() is { } stream ? ArrowMessage.DecodeRows(stream) : null;

    // The schema stays at the buffer's beginning, so that it and the batch behind it are a stream of their own.
    private ReadOnlyMemory<byte>? ReadMessage()
    {
        if (!IsArrow) throw new InvalidOperationException("input: expected MoveNext in an RDD task, got ReadBatch");
        if (_ended) return null;
        if (_schemaBytes == 0) _schemaBytes = ArrowMessage.Read(_wire, ref _arrow, 0);
        var bytes = ArrowMessage.Read(_wire, ref _arrow, _schemaBytes);
        _ended = bytes == ArrowMessage.HeadBytes;
        if (_ended) return null;
        var end = _schemaBytes + bytes;
        if (_arrow.Length < end + ArrowMessage.End.Length) System.Array.Resize(ref _arrow, end + ArrowMessage.End.Length);
        ArrowMessage.End.CopyTo(_arrow, end);
        return _arrow.AsMemory(0, end + ArrowMessage.End.Length);
    }

    /// <summary>Reads the rest up to END_OF_STREAM; true if that is what came.</summary>
    internal bool End()
    {
        if (IsArrow)
            while (ReadMessage() is not null) { }
        else
            while (_frames.MoveNext()) { }
        return _wire.ReadInt() == SpecialLength.EndOfStream;
    }
}
