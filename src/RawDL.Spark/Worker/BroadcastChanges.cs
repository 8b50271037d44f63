namespace RawDL.Spark;

/// <summary>What a task header changes in its connection's set of broadcasts.</summary>
/// <param name="Removed">Ids to forget.</param>
/// <param name="Added">Ids to take; the path is null for encrypted ones.</param>
/// <param name="Source">Where the encrypted ones are served, or null.</param>
/// <param name="Secret">For <paramref name="Source"/>.</param>
internal sealed record BroadcastChanges(List<long> Removed, List<(long Id, string? Path)> Added, LocalAddress? Source, string? Secret)
{
    internal static BroadcastChanges Read(WireReader wire)
    {
        var encrypted = wire.ReadBool();
        var count = wire.ReadLength(int.MaxValue);
        LocalAddress? source = null;
        string? secret = null;
        if (encrypted)
        {
            var port = wire.ReadInt();
            source = port == -1 ? new LocalAddress(0, wire.ReadText()) : new LocalAddress(port);
            if (port != -1) secret = wire.ReadText();
        }
        var changes = new BroadcastChanges([], [], source, secret);
        for (; count > 0; count--)
        {
            var id = wire.ReadLong();
            if (id < 0) changes.Removed.Add(-id - 1);
            else changes.Added.Add((id, encrypted ? null : wire.ReadText()));
        }
        return changes;
    }
}
