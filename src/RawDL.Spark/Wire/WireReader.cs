using System.Buffers.Binary;
using System.Text;

namespace RawDL.Spark;

/// <summary>
/// Spark's numbers (big-endian), texts (int length, UTF-8) and byte blocks from a stream. A length is believed only as far as bytes come:
/// memory stays within four times of what was received and a first piece.
/// </summary>
/// <param name="stream">Where the bytes come from.</param>
/// <param name="name">The connection, for messages.</param>
internal sealed class WireReader(Stream stream, string name)
{
    internal const int MaximumText = 64 << 20;
    internal const int FirstPiece = 1 << 16;
    private readonly byte[] _buffer = new byte[1 << 16];
    private int _start;
    private int _end;

    /// <summary>True once the stream has ended or failed where more was expected.</summary>
    internal bool IsLost { get; private set; }

    /// <summary>True if all that was received is read.</summary>
    internal bool IsEmpty => _start == _end;

    /// <summary>Reads an int, or returns false if the stream ends before its first byte.</summary>
    internal bool TryReadInt(out int value)
    {
        value = 0;
        if (_end - _start < 4 && !TryFill(4)) return false;
        value = ReadInt();
        return true;
    }

    internal int ReadInt() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    internal long ReadLong() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    internal bool ReadBool() => Take(1)[0] != 0;

    internal string ReadText()
    {
        var length = ReadLength(MaximumText);
        return Encoding.UTF8.GetString(length <= _buffer.Length ? Take(length) : ReadBytes(length));
    }

    internal Dictionary<string, string> ReadMap()
    {
        var map = new Dictionary<string, string>();
        for (var left = ReadLength(int.MaxValue); left > 0; left--)
        {
            var key = ReadText();
            map[key] = ReadText();
        }
        return map;
    }

    internal int ReadLength(int maximum)
    {
        var length = ReadInt();
        return length >= 0 && length <= maximum ? length : throw new SparkProtocolException($"{name}: expected a length of 0 to {maximum}, got {length}");
    }

    internal byte[] ReadBytes(int length)
    {
        var bytes = Array.Empty<byte>();
        ReadBytes(length, ref bytes, 0, FirstPiece);
        if (bytes.Length != length) Array.Resize(ref bytes, length);
        return bytes;
    }

    /// <summary>Reads a block into a buffer that is kept or grown, behind what stays there.</summary>
    internal void ReadBytes(int length, ref byte[] buffer, int offset, int firstPiece)
    {
        var end = offset + length;
        for (var filled = offset; filled < end;)
        {
            if (filled == buffer.Length) Array.Resize(ref buffer, (int)Math.Min(end, Math.Max(filled + (long)firstPiece, 2L * filled)));
            var piece = buffer.AsSpan(filled, Math.Min(end, buffer.Length) - filled);
            ReadExactly(piece);
            filled += piece.Length;
        }
    }

    internal void ReadExactly(Span<byte> target)
    {
        while (target.Length > 0)
        {
            var count = Read(target);
            if (count == 0) throw Lost(target.Length, null);
            target = target[count..];
        }
    }

    /// <summary>Reads what is there, at least a byte; 0 at the end.</summary>
    internal int Read(Span<byte> target)
    {
        if (IsEmpty) return Receive(target);
        var count = Math.Min(target.Length, _end - _start);
        _buffer.AsSpan(_start, count).CopyTo(target);
        _start += count;
        return count;
    }

    /// <summary>Reads and forgets until the other side closes.</summary>
    internal void Drain()
    {
        _start = _end = 0;
        while (Receive(_buffer) > 0) { }
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_end - _start < count && !TryFill(count)) throw Lost(count, null);
        var taken = _buffer.AsSpan(_start, count);
        _start += count;
        return taken;
    }

    private bool TryFill(int count)
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        while (_end < count)
        {
            var received = Receive(_buffer.AsSpan(_end));
            if (received == 0) return _end == 0 ? false : throw Lost(count - _end, null);
            _end += received;
        }
        return true;
    }

    private int Receive(Span<byte> target)
    {
        try
        {
            return stream.Read(target);
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            throw Lost(target.Length, exception);
        }
    }

    private ConnectionLostException Lost(int missing, Exception? cause)
    {
        IsLost = true;
        return new ConnectionLostException(cause is null ? $"{name}: expected {missing} more bytes, got the end" : $"{name}: expected bytes, got a closed connection", cause);
    }
}
