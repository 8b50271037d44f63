using System.Buffers.Binary;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;

namespace RawDL.Spark;

/// <summary>
/// Whole messages of Arrow's stream format: FFFFFFFF, the metadata's size, the metadata (a flatbuffer), the body. Lengths are checked here, before the
/// package sees them; it would take memory for whatever they promise.
/// </summary>
internal static class ArrowMessage
{
    internal const int HeadBytes = 8;
    internal static readonly byte[] End = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];
    private const int MaximumMetadata = 64 << 20, FirstPiece = 1 << 18, BodyLengthField = 3;

    /// <summary>Reads a message into the buffer, behind what stays there.</summary>
    /// <returns>Bytes of the message; <see cref="HeadBytes"/> for the mark of the end.</returns>
    internal static int Read(WireReader wire, ref byte[] buffer, int offset)
    {
        wire.ReadBytes(HeadBytes, ref buffer, offset, WireReader.FirstPiece);
        var size = MetadataSize(buffer.AsSpan(offset));
        wire.ReadBytes(size, ref buffer, offset + HeadBytes, WireReader.FirstPiece);
        var body = size == 0 ? 0 : BodyLength(buffer.AsSpan(offset + HeadBytes, size));
        if (body > System.Array.MaxLength - offset - HeadBytes - size - End.Length) throw Wrong($"a body of less than 2 GB, got {body} bytes");
        wire.ReadBytes((int)body, ref buffer, offset + HeadBytes + size, FirstPiece);
        return HeadBytes + size + (int)body;
    }

    /// <summary>Checks that the bytes are one message.</summary>
    internal static void Check(ReadOnlySpan<byte> message)
    {
        if (message.Length < HeadBytes) throw Wrong($"at least {HeadBytes} bytes, got {message.Length}");
        var size = MetadataSize(message);
        if (size == 0 || size > message.Length - HeadBytes) throw Wrong($"its metadata, got a size of {size} in {message.Length} bytes");
        var body = BodyLength(message.Slice(HeadBytes, size));
        if (body != message.Length - HeadBytes - size) throw Wrong($"a body of {body} bytes, got {message.Length - HeadBytes - size}");
    }

    /// <summary>The rows of a stream of schema, one batch and the end. The batch uses the bytes themselves.</summary>
    internal static RecordBatch Decode(ReadOnlyMemory<byte> stream) => Guard(stream, static batch => batch);

    /// <summary>As <see cref="Decode"/> where Spark puts all columns into one of structs: the batch of these columns.</summary>
    internal static RecordBatch DecodeRows(ReadOnlyMemory<byte> stream) => Guard(stream, static batch =>
        batch.ColumnCount == 1 && batch.Column(0) is StructArray { Data.DataType: StructType columns } rows
            ? new RecordBatch(new Schema(columns.Fields, null), rows.Fields, rows.Length)
            : throw Wrong($"one column of structs, got {batch.ColumnCount} columns"));

    // The package answers damaged metadata with exceptions of every kind.
    private static RecordBatch Guard(ReadOnlyMemory<byte> stream, Func<RecordBatch, RecordBatch> rows)
    {
        try
        {
            using var reader = new ArrowStreamReader(stream);
            return rows(reader.ReadNextRecordBatch() ?? throw Wrong("a record batch, got another message"));
        }
        catch (Exception exception) when (exception is not (SparkProtocolException or OutOfMemoryException))
        {
            throw new SparkProtocolException($"Arrow message: expected a record batch of the announced columns, got: {exception.Message}", exception);
        }
    }

    private static int MetadataSize(ReadOnlySpan<byte> head)
    {
        if (!head.StartsWith(End.AsSpan(0, 4))) throw Wrong($"FFFFFFFF at its beginning, got {Convert.ToHexString(head[..4])}");
        var size = BinaryPrimitives.ReadInt32LittleEndian(head[4..]);
        return size is >= 0 and <= MaximumMetadata ? size : throw Wrong($"metadata of 0 to {MaximumMetadata} bytes, got {size}");
    }

    // A field of the flatbuffer's root table, which points to its table of field offsets.
    private static long BodyLength(ReadOnlySpan<byte> metadata)
    {
        if (metadata.Length < 4) throw Wrong($"metadata, got {metadata.Length} bytes");
        var table = (long)BinaryPrimitives.ReadUInt32LittleEndian(metadata);
        var fields = table - Number(metadata, table, 4);
        if (Number(metadata, fields, 2) <= 4 + (2 * BodyLengthField)) return 0;
        var offset = Number(metadata, fields + 4 + (2 * BodyLengthField), 2);
        var length = offset == 0 ? 0 : Number(metadata, table + offset, 8);
        return length >= 0 ? length : throw Wrong($"a body's length, got {length}");
    }

    private static long Number(ReadOnlySpan<byte> metadata, long at, int size)
    {
        if (at < 0 || at > metadata.Length - size) throw Wrong($"offsets within its {metadata.Length} bytes of metadata, got {at}");
        var bytes = metadata[(int)at..];
        return size switch { 2 => BinaryPrimitives.ReadUInt16LittleEndian(bytes), 4 => BinaryPrimitives.ReadInt32LittleEndian(bytes), _ => BinaryPrimitives.ReadInt64LittleEndian(bytes) };
    }

    private static SparkProtocolException Wrong(string expected) => new($"Arrow message: expected {expected}");
}
