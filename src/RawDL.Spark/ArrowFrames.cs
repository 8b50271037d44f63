using Apache.Arrow;
using Apache.Arrow.Ipc;

namespace RawDL.Spark;

/// <summary>Reads the elements of <see cref="DataFrame.ToArrow"/>: each is one Arrow record batch without its schema.</summary>
public sealed class ArrowFrames
{
    private readonly byte[] _schema;

    /// <summary>Prepares for batches of these columns.</summary>
    public ArrowFrames(Schema schema)
    {
        using var stream = new MemoryStream();
        using (var writer = new ArrowStreamWriter(stream, schema, leaveOpen: true)) writer.WriteStart();
        _schema = stream.ToArray();
    }

    private ArrowFrames(ReadOnlySpan<byte> schema) => _schema = schema.ToArray();

    /// <summary>The schema as bytes, for a task's payload; <see cref="Read"/> takes it back.</summary>
    public ReadOnlyMemory<byte> SchemaMessage => _schema;

    /// <summary>From <see cref="SchemaMessage"/>.</summary>
    public static ArrowFrames Read(ReadOnlySpan<byte> schemaMessage)
    {
        ArrowMessage.Check(schemaMessage);
        return new ArrowFrames(schemaMessage);
    }

    /// <summary>The rows of an element. The caller disposes them.</summary>
    /// <exception cref="SparkProtocolException">The bytes are no batch of these columns.</exception>
    public RecordBatch Decode(ReadOnlySpan<byte> frame)
    {
        ArrowMessage.Check(frame);
        return ArrowMessage.Decode((byte[])[.. _schema, .. frame, .. ArrowMessage.End]);
    }
}
