using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;

namespace RawDL.Spark;

/// <summary>The result of a task: frames of bytes, or Arrow batches in a SQL task. Small ones leave together with the end of the task.</summary>
public sealed class TaskOutput
{
    private const int LargeBuffer = 1 << 20;
    private readonly WireWriter _wire;
    private readonly bool _isArrow;
    private readonly MemoryStream _stream = new();
    private ArrowStreamWriter? _arrow;
    private Schema? _rows;

    internal TaskOutput(WireWriter wire, bool isArrow) => (_wire, _isArrow) = (wire, isArrow);

    /// <summary>Writes one element.</summary>
    public void Write(ReadOnlySpan<byte> frame) => Write([], frame);

    /// <summary>Writes a value with the key that says to which partition of a shuffle it goes (key modulo partitions). A task writes either pairs or plain elements.</summary>
    public void WritePair(long key, ReadOnlySpan<byte> value) => WritePair(key, [], value);

    /// <summary>As the other one, with a value of two parts.</summary>
    internal void WritePair(long key, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body)
    {
        Span<byte> bytes = stackalloc byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(bytes, key);
        Write(bytes);
        Write(head, body);
    }

    /// <summary>An element of two parts.</summary>
    internal void Write(ReadOnlySpan<byte> head, ReadOnlySpan<byte> body)
    {
        if (_isArrow) throw new InvalidOperationException("output: expected WriteBatch in a SQL task, got Write");
        _wire.WriteBlock(head, body);
    }

    /// <summary>Writes rows. Columns must have the declared order and types of the result; Spark does not check them.</summary>
    public void WriteBatch(RecordBatch batch)
    {
        if (!_isArrow) throw new InvalidOperationException("output: expected Write in an RDD task, got WriteBatch");
        var type = new StructType([.. batch.Schema.FieldsList]);
        var rows = new StructArray(type, batch.Length, batch.Arrays, ArrowBuffer.Empty);
        _rows ??= new Schema([new Field("_0", type, nullable: false)], null);
        if (_arrow is null)
        {
            _wire.WriteInt(SpecialLength.ArrowStream);
            _arrow = new ArrowStreamWriter(_stream, _rows, leaveOpen: true);
        }
        var whole = _stream.Length;
        try
        {
            _arrow.WriteRecordBatch(new RecordBatch(_rows, [rows], batch.Length));
        }
        catch
        {
            _stream.SetLength(whole);   // An error is told behind the stream, which must end with a whole message.
            throw;
        }
        if (_stream.Length > LargeBuffer) Send();
    }

    /// <summary>Ends an Arrow stream, also one that is followed by an error.</summary>
    internal void End()
    {
        _arrow?.WriteEnd();
        _arrow = null;
        Send();
    }

    private void Send()
    {
        if (_stream.Length > 0) _wire.WriteRaw(_stream.GetBuffer().AsSpan(0, (int)_stream.Length));
        _stream.SetLength(0);
    }
}
