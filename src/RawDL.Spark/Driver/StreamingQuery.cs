namespace RawDL.Spark;

/// <summary>A running query over a stream.</summary>
public sealed class StreamingQuery : IDisposable
{
    private readonly JavaObject _java;

    internal StreamingQuery(JavaObject java) => _java = java;

    /// <summary>Waits; true if the query has ended.</summary>
    /// <exception cref="JavaException">The query failed.</exception>
    public bool Wait(TimeSpan patience) => _java.Call("awaitTermination", (long)patience.TotalMilliseconds).Boolean;

    /// <summary>What Spark tells of the last batches, oldest first, each as JSON; a batch may be told more than once.</summary>
    public string[] Progress()
    {
        using var all = _java.CallObject("recentProgress");
        var texts = new List<string>();
        foreach (var element in all.Elements())
        {
            using var progress = element.Object;
            texts.Add(progress.Call("json").Text);
        }
        return [.. texts];
    }

    /// <summary>Ends it after the batch that runs.</summary>
    public void Stop() => _java.CallVoid("stop");

    /// <inheritdoc/>
    public void Dispose() => _java.Dispose();
}

/// <summary>When batches of a stream start.</summary>
public enum StreamTrigger
{
    /// <summary>As soon as the one before has ended, for ever.</summary>
    Continuously,

    /// <summary>For all that is there now; then the query ends.</summary>
    AvailableNow,
}
