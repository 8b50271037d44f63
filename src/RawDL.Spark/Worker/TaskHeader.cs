using System.Text.Json;

namespace RawDL.Spark;

/// <summary>All that the JVM sends for a task before the data, in the layouts of Spark 3.3 to 4.3.</summary>
internal sealed class TaskHeader
{
    internal const int PlainRdd = 0, MapInArrow = 207;
    private const int MaximumHeader = 256 << 20;

    internal WorkerLayout Layout { get; private init; }
    internal int Split { get; private init; }
    internal bool IsBarrier { get; private set; }
    internal LocalAddress BarrierAddress { get; private set; }
    internal string? BarrierSecret { get; private set; }
    internal int Stage { get; private set; }
    internal int Partition { get; private set; }
    internal int Attempt { get; private set; }
    internal long TaskId { get; private set; }
    internal int Cpus { get; private set; }
    internal Dictionary<string, string[]> Resources { get; } = [];
    internal Dictionary<string, string> Properties { get; private set; } = [];
    internal string FilesFolder { get; private set; } = "";
    internal int EvaluationType { get; private set; }
    internal byte[] Command { get; private set; } = [];

    /// <summary>Reads the header.</summary>
    /// <param name="wire">The worker's connection.</param>
    /// <param name="build">The build that the driver must have.</param>
    /// <param name="broadcasts">Takes the changes of broadcasts as they come: up to Spark 3.5 the JVM sends the rest only after the encrypted ones were fetched.</param>
    /// <returns>Null if the connection ends before the first byte.</returns>
    /// <exception cref="SparkProtocolException">The bytes are no header, or one of an unknown Spark.</exception>
    internal static TaskHeader? Read(WireReader wire, string build, Action<BroadcastChanges> broadcasts)
    {
        if (!wire.TryReadInt(out var first)) return null;
        if (first != SpecialLength.FramedHeader) return ReadFields(wire, first, default, build, broadcasts);
        var framed = new WireReader(new MemoryStream(wire.ReadBytes(wire.ReadLength(MaximumHeader))), "task header");
        try
        {
            var header = ReadFields(framed, framed.ReadInt(), WorkerParts.Framed, build, broadcasts);
            return framed.IsEmpty ? header : throw new SparkProtocolException("task header: expected its end after the command, got more bytes");
        }
        catch (ConnectionLostException short_) when (framed.IsLost)
        {
            throw new SparkProtocolException(short_.Message, short_);
        }
    }

    private static TaskHeader ReadFields(WireReader wire, int split, WorkerParts frame, string build, Action<BroadcastChanges> broadcasts)
    {
        if (split < 0) throw new SparkProtocolException($"task header: expected a partition's number, got {split}");
        var layout = WorkerLayout.Of(WorkerTag.Parse(wire.ReadText(), build));
        if ((layout.Parts & WorkerParts.Framed) != frame) throw new SparkProtocolException($"task header: expected layout {layout.Letter} for Spark {layout.Major}.{layout.Minor}, got another");
        var header = new TaskHeader { Split = split, Layout = layout };
        if (layout.Has(WorkerParts.JsonContext)) header.ReadJsonContext(wire.ReadText());
        else header.ReadContext(wire);
        header.FilesFolder = wire.ReadText();
        for (var left = wire.ReadLength(int.MaxValue); left > 0; left--) wire.ReadText();   // --py-files: nothing for this program
        broadcasts(BroadcastChanges.Read(wire));
        header.EvaluationType = wire.ReadInt();
        if (header.EvaluationType is not (PlainRdd or MapInArrow)) throw new SparkProtocolException($"task header: expected evaluation type 0 or 207, got {header.EvaluationType}");
        if (layout.Has(WorkerParts.ConfigurationAlways) || header.EvaluationType != PlainRdd) wire.ReadMap();
        if (layout.Has(WorkerParts.ConfigurationAlways)) wire.ReadMap();
        header.Command = header.EvaluationType == PlainRdd ? wire.ReadBytes(wire.ReadLength(int.MaxValue)) : ReadSqlFunction(wire, layout);
        return header;
    }

    private void ReadContext(WireReader wire)
    {
        IsBarrier = wire.ReadBool();
        if (Layout.Has(WorkerParts.BarrierAlways) || IsBarrier)
        {
            var port = wire.ReadInt();
            BarrierAddress = port == -1 ? new LocalAddress(0, wire.ReadText()) : new LocalAddress(port);
            if (port != -1) BarrierSecret = wire.ReadText();
        }
        Stage = wire.ReadInt();
        Partition = wire.ReadInt();
        Attempt = wire.ReadInt();
        TaskId = wire.ReadLong();
        Cpus = wire.ReadInt();
        for (var left = wire.ReadLength(int.MaxValue); left > 0; left--)
        {
            var key = wire.ReadText();
            wire.ReadText();                                                               // the resource's name is its key
            var addresses = new List<string>();
            for (var count = wire.ReadLength(int.MaxValue); count > 0; count--) addresses.Add(wire.ReadText());
            Resources[key] = [.. addresses];
        }
        Properties = wire.ReadMap();
    }

    private void ReadJsonContext(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            IsBarrier = root.GetProperty("isBarrier").GetBoolean();
            var address = root.GetProperty("connInfo");
            BarrierAddress = address.ValueKind == JsonValueKind.String ? new LocalAddress(0, address.GetString()) : new LocalAddress(address.GetInt32());
            BarrierSecret = root.GetProperty("secret").GetString();
            Stage = root.GetProperty("stageId").GetInt32();
            Partition = root.GetProperty("partitionId").GetInt32();
            Attempt = root.GetProperty("attemptNumber").GetInt32();
            TaskId = root.GetProperty("taskAttemptId").GetInt64();
            Cpus = root.GetProperty("cpus").GetInt32();
            foreach (var resource in root.GetProperty("resources").EnumerateObject())
                Resources[resource.Name] = [.. resource.Value.GetProperty("addresses").EnumerateArray().Select(a => a.GetString() ?? "")];
            foreach (var property in root.GetProperty("localProperties").EnumerateObject()) Properties[property.Name] = property.Value.GetString() ?? "";
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new SparkProtocolException($"task context: expected Spark's JSON, got: {exception.Message}", exception);
        }
    }

    private static byte[] ReadSqlFunction(WireReader wire, WorkerLayout layout)
    {
        var profiled = layout.Has(WorkerParts.ProfilerFlag) && wire.ReadBool();
        if (profiled) wire.ReadText();
        if (wire.ReadInt() is var functions and not 1) throw new SparkProtocolException($"task header: expected one SQL function, got {functions}");
        for (var left = wire.ReadLength(int.MaxValue); left > 0; left--)
        {
            wire.ReadInt();
            if (layout.Has(WorkerParts.ArgumentNames) && wire.ReadBool()) wire.ReadText();
        }
        if (wire.ReadInt() is var chained and not 1) throw new SparkProtocolException($"task header: expected one step of the SQL function, got {chained}");
        var command = wire.ReadBytes(wire.ReadLength(int.MaxValue));
        if (profiled || layout.Has(WorkerParts.ArgumentNames)) wire.ReadLong();
        return command;
    }
}
