using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace RawDL.Spark;

/// <summary>Spark's numbers, texts and byte blocks to a stream. What is small is gathered and leaves in one write at <see cref="Flush"/>.</summary>
/// <param name="stream">Where the bytes go.</param>
/// <param name="name">The connection, for messages.</param>
internal sealed class WireWriter(Stream stream, string name)
{
    private const int LargeBlock = 1 << 18, LargeBuffer = 1 << 20;
    private readonly ArrayBufferWriter<byte> _buffer = new(1 << 12);

    /// <summary>True once the other side no longer takes bytes.</summary>
    internal bool IsLost { get; private set; }

    internal void WriteInt(int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(_buffer.GetSpan(4), value);
        _buffer.Advance(4);
    }

    internal void WriteLong(long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(_buffer.GetSpan(8), value);
        _buffer.Advance(8);
    }

    internal void WriteText(string text)
    {
        WriteInt(Encoding.UTF8.GetByteCount(text));
        Encoding.UTF8.GetBytes(text, _buffer);
    }

    /// <summary>The length, then the bytes.</summary>
    internal void WriteBlock(ReadOnlySpan<byte> bytes)
    {
        WriteInt(bytes.Length);
        WriteRaw(bytes);
    }

    /// <summary>A block of two parts.</summary>
    internal void WriteBlock(ReadOnlySpan<byte> head, ReadOnlySpan<byte> body)
    {
        WriteInt(head.Length + body.Length);
        WriteRaw(head);
        WriteRaw(body);
    }

    internal void WriteRaw(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < LargeBlock)
        {
            _buffer.Write(bytes);
            if (_buffer.WrittenCount > LargeBuffer) Flush();
            return;
        }
        Flush();
        Send(bytes);
    }

    internal void Flush()
    {
        if (_buffer.WrittenCount > 0) Send(_buffer.WrittenSpan);
        _buffer.ResetWrittenCount();
    }

    private void Send(ReadOnlySpan<byte> bytes)
    {
        try
        {
            stream.Write(bytes);
            stream.Flush();
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            IsLost = true;
            throw new ConnectionLostException($"{name}: expected room for {bytes.Length} bytes, got a closed connection", exception);
        }
    }
}
