using Apache.Arrow;
using Apache.Arrow.Ipc;

namespace RawDL.Spark;

/// <summary>The elements of a partition: frames of bytes, or Arrow batches in a SQL task. What a task leaves is read and dropped.</summary>
public sealed class TaskInput
{
    private readonly WireReader _wire;
    private readonly FrameReader _frames;
    private ArrowStreamReader? _arrow;
    private RecordBatch? _batch;
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
    public RecordBatch? ReadBatch()
    {
        if (!IsArrow) throw new InvalidOperationException("input: expected MoveNext in an RDD task, got ReadBatch");
        _batch?.Dispose();
        _batch = null;
        if (_ended) return null;
        _arrow ??= new ArrowStreamReader(new WireReaderStream(_wire), leaveOpen: true);
        _batch = _arrow.ReadNextRecordBatch();
        _ended = _batch is null;
        return _batch switch
        {
            null => null,
            { ColumnCount: 1 } when _batch.Column(0) is StructArray rows => new RecordBatch(new Schema(((Apache.Arrow.Types.StructType)rows.Data.DataType).Fields, null), rows.Fields, rows.Length),
            _ => throw new SparkProtocolException($"Arrow input: expected one column of structs, got {_batch.ColumnCount} columns"),
        };
    }

    /// <summary>Reads the rest up to END_OF_STREAM; true if that is what came.</summary>
    internal bool End()
    {
        if (IsArrow)
            while (ReadBatch() is not null) { }
        else
            while (_frames.MoveNext()) { }
        return _wire.ReadInt() == SpecialLength.EndOfStream;
    }
}
