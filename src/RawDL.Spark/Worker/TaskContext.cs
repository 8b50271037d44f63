using System.Globalization;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>What a task knows of itself and its place in the job.</summary>
public sealed class TaskContext
{
    private const int BarrierCall = 1, GatherCall = 2;
    private readonly TaskHeader _header;
    private readonly BroadcastSet _broadcasts;

    internal TaskContext(TaskHeader header, BroadcastSet broadcasts, ReadOnlyMemory<byte> payload, CancellationToken cancellation) =>
        (_header, _broadcasts, Payload, Cancellation) = (header, broadcasts, payload, cancellation);

    /// <summary>The task's own bytes of the command.</summary>
    public ReadOnlyMemory<byte> Payload { get; }

    /// <summary>Cancelled when Spark no longer wants the result, 2 to 4 s after it decided so.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>The partition's index in the RDD.</summary>
    public int Split => _header.Split;

    /// <summary>The stage's number in the application.</summary>
    public int Stage => _header.Stage;

    /// <summary>The task's index in its stage.</summary>
    public int Partition => _header.Partition;

    /// <summary>0 for the first attempt.</summary>
    public int Attempt => _header.Attempt;

    /// <summary>Differs for every attempt of an application.</summary>
    public long TaskId => _header.TaskId;

    /// <summary>Cores that Spark gives to the task (spark.task.cpus).</summary>
    public int Cpus => _header.Cpus;

    /// <summary>Addresses of further resources, such as those of "gpu".</summary>
    public IReadOnlyDictionary<string, string[]> Resources => _header.Resources;

    /// <summary>The driver's local properties. A SQL job copies its whole configuration there, passwords too: do not log them.</summary>
    public IReadOnlyDictionary<string, string> Properties => _header.Properties;

    /// <summary>Where files of --files lie.</summary>
    public string FilesFolder => _header.FilesFolder;

    /// <summary>True if all tasks of the stage run at the same time and may meet.</summary>
    public bool IsBarrier => _header.IsBarrier;

    /// <summary>Hosts of a barrier stage's tasks, in the order of partitions, as host:port of the executors.</summary>
    public IReadOnlyList<string> Addresses => Properties.TryGetValue("addresses", out var list) ? list.Split(',') : [];

    /// <summary>The content of a broadcast; shared by all tasks of the process.</summary>
    /// <param name="id">The number that the driver's <see cref="SparkBroadcast.Id"/> told.</param>
    public ReadOnlyMemory<byte> Broadcast(long id) => _broadcasts.Get(id);

    /// <summary>The content of a broadcast that one task reads once, in a buffer of its own, which grows as needed.</summary>
    /// <param name="id">As in <see cref="Broadcast(long)"/>.</param>
    /// <param name="buffer">Receives the bytes.</param>
    public ReadOnlySpan<byte> Broadcast(long id, ref byte[] buffer)
    {
        var length = _broadcasts.Read(id, ref buffer);
        return buffer.AsSpan(0, length);
    }

    /// <summary>Waits until all tasks of the stage have called it. Spark looks once a second, so it takes at least that.</summary>
    public void Barrier() => Meet(BarrierCall, null, 1);

    /// <summary>Gives every task the texts of all, in the order of partitions. Takes a second, like <see cref="Barrier"/>.</summary>
    public string[] AllGather(string text) => Meet(GatherCall, text, Addresses.Count);

    /// <summary>Writes a line to the executor's log, with the task's place in front.</summary>
    public void Log(string line) =>
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"rawdl [stage {Stage} partition {Partition} attempt {Attempt}] {RawFileException.OneLine(line)}"));

    private string[] Meet(int call, string? text, int answers)
    {
        if (!IsBarrier) throw new InvalidOperationException($"stage {Stage}: expected a barrier stage, got a plain one");
        using var socket = LocalSocket.Open(_header.BarrierAddress, _header.BarrierSecret, "barrier");
        using var closing = Cancellation.Register(static state => ((LocalSocket)state!).Dispose(), socket);
        try
        {
            socket.Writer.WriteInt(call);
            if (text is not null) socket.Writer.WriteText(text);
            socket.Writer.Flush();
            return ReadAnswer(socket.Reader, answers);
        }
        catch (ConnectionLostException) when (Cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(Cancellation);
        }
    }

    // Success is a count and texts, failure one text: only the first number tells which.
    private static string[] ReadAnswer(WireReader reader, int answers)
    {
        var first = reader.ReadLength(WireReader.MaximumText);
        if (first != answers) throw new SparkProtocolException($"barrier: {System.Text.Encoding.UTF8.GetString(reader.ReadBytes(first))}");
        var texts = new string[answers];
        for (var i = 0; i < answers; i++) texts[i] = reader.ReadText();
        return texts;
    }
}
