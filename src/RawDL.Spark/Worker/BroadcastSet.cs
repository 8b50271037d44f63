namespace RawDL.Spark;

/// <summary>The broadcasts of one connection, as the JVM counts them: a new connection begins without any.</summary>
internal sealed class BroadcastSet(BroadcastStore store) : IDisposable
{
    private readonly Dictionary<long, BroadcastContent> _contents = [];

    internal int Count => _contents.Count;

    /// <exception cref="SparkProtocolException">The id is not here.</exception>
    internal ReadOnlyMemory<byte> Get(long id) => Find(id).Bytes;

    /// <exception cref="SparkProtocolException">The id is not here.</exception>
    internal int Read(long id, ref byte[] buffer) => Find(id).Read(ref buffer);

    internal void Apply(BroadcastChanges changes)
    {
        foreach (var id in changes.Removed) Remove(id);
        using var source = changes.Source is { } address && changes.Added.Count > 0 ? LocalSocket.Open(address, changes.Secret, "encrypted broadcasts") : null;
        foreach (var (id, path) in changes.Added)
        {
            Remove(id);
            _contents[id] = source is null ? store.Take(id, path ?? "") : Fetch(source.Reader, id);
        }
        // Spark 3 waits for a byte; Spark 4 may have closed already.
        try
        {
            source?.Writer.WriteRaw("1"u8);
            source?.Writer.Flush();
        }
        catch (ConnectionLostException) { }
    }

    public void Dispose()
    {
        foreach (var content in _contents.Values) store.Leave(content);
        _contents.Clear();
    }

    private BroadcastContent Find(long id) =>
        _contents.TryGetValue(id, out var content) ? content : throw new SparkProtocolException($"broadcast {id}: expected one of this task, got {_contents.Count} others");

    private static BroadcastContent Fetch(WireReader reader, long id)
    {
        if (reader.ReadLong() is var sent && sent != id) throw new SparkProtocolException($"encrypted broadcasts: expected number {id}, got {sent}");
        var length = reader.ReadLong();
        return length is >= 0 and <= int.MaxValue
            ? new BroadcastContent(id, reader.ReadBytes((int)length))
            : throw new SparkProtocolException($"broadcast {id}: expected a length, got {length}");
    }

    private void Remove(long id)
    {
        if (_contents.Remove(id, out var content)) store.Leave(content);
    }
}
