namespace RawDL.Spark;

/// <summary>Broadcasts of a process. Connections that hold the same file share its bytes; the last one that forgets it frees them.</summary>
internal sealed class BroadcastStore
{
    private readonly Dictionary<(long, string), BroadcastContent> _contents = [];

    internal int Count
    {
        get
        {
            lock (_contents) return _contents.Count;
        }
    }

    internal BroadcastContent Take(long id, string path)
    {
        lock (_contents)
        {
            if (!_contents.TryGetValue((id, path), out var content)) _contents[(id, path)] = content = new BroadcastContent(id, path);
            content.Holders++;
            return content;
        }
    }

    internal void Leave(BroadcastContent content)
    {
        lock (_contents)
            if (content.Path is not null && --content.Holders == 0) _contents.Remove((content.Id, content.Path));
    }
}
