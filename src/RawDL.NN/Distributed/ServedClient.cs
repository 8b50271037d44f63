namespace RawDL.NN;

/// <summary>What a parameter server knows of one client.</summary>
internal sealed class ServedClient
{
    /// <summary>The message it waits for, or null.</summary>
    public DownpourTag? Asked { get; set; }

    /// <summary>When its last message came, or its last answer left, as a <see cref="System.Diagnostics.Stopwatch"/> timestamp.</summary>
    public long Heard { get; set; }

    /// <summary>It sends no more: it is done, has left or was taken for dead.</summary>
    public bool HasEnded { get; set; }

    /// <summary>Why it ended early, one line; null else.</summary>
    public string? Loss { get; set; }

    /// <summary>It fell silent: nothing that is sent to it may be waited for.</summary>
    public bool IsSilent { get; set; }

    /// <summary>Its pushes.</summary>
    public long Pushes { get; set; }

    /// <summary>Samples, seconds of computing, waiting and moving data, bytes.</summary>
    public double[] Totals { get; } = new double[5];

    /// <summary>The parameters on their way to it, pinned; empty before its first fetch.</summary>
    public float[] Answer { get; set; } = [];

    /// <summary>Sends to it that may not be complete.</summary>
    public List<ICommunicationRequest> Requests { get; } = [];

    /// <summary>Adds what it says that it did.</summary>
    public void Count(DownpourHeader header)
    {
        Totals[0] += header.Samples;
        Totals[1] += header.ComputeSeconds;
        Totals[2] += header.WaitSeconds;
        Totals[3] += header.TransferSeconds;
        Totals[4] += header.Bytes;
    }

    /// <summary>Returns when all that was sent to it is on its way.</summary>
    public void Complete()
    {
        foreach (var request in Requests) request.Wait();
        Requests.Clear();
    }
}
