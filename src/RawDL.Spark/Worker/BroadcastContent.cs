using System.Buffers.Binary;

namespace RawDL.Spark;

/// <summary>The bytes of one broadcast, read when first asked for. Its file begins with the length, because an encrypted one comes without.</summary>
internal sealed class BroadcastContent
{
    private readonly Lock _lock = new();
    private byte[]? _bytes;

    internal BroadcastContent(long id, string path) => (Id, Path) = (id, path);

    internal BroadcastContent(long id, byte[] bytes) => (Id, _bytes) = (id, bytes);

    internal long Id { get; }

    internal string? Path { get; }

    /// <summary>How many connections hold it; the store's lock guards it.</summary>
    internal int Holders { get; set; }

    internal byte[] Bytes
    {
        get
        {
            lock (_lock) return _bytes ??= ReadFile();
        }
    }

    /// <summary>Copies the bytes into a buffer, which grows as needed, without keeping them; gives their number.</summary>
    internal int Read(ref byte[] buffer)
    {
        lock (_lock)
        {
            if (_bytes is null) return ReadFile(ref buffer);
            if (buffer.Length < _bytes.Length) buffer = new byte[_bytes.Length];
            _bytes.CopyTo(buffer, 0);
            return _bytes.Length;
        }
    }

    private byte[] ReadFile()
    {
        byte[] bytes = [];
        ReadFile(ref bytes);
        return bytes;
    }

    private int ReadFile(ref byte[] buffer)
    {
        try
        {
            using var file = new FileStream(Path!, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
            Span<byte> prefix = stackalloc byte[8];
            file.ReadExactly(prefix);
            var length = BinaryPrimitives.ReadInt64BigEndian(prefix);
            if (length != file.Length - 8 || length > Array.MaxLength) throw new SparkProtocolException($"broadcast {Id}: expected {length} bytes, got a file of {file.Length - 8}");
            if (buffer.Length < length) buffer = GC.AllocateUninitializedArray<byte>((int)length);
            file.ReadExactly(buffer, 0, (int)length);
            return (int)length;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SparkProtocolException($"broadcast {Id}: expected its file, got: {exception.Message}", exception);
        }
    }
}
