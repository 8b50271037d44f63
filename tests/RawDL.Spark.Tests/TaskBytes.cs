using System.Buffers.Binary;
using System.Text;

namespace RawDL.Spark.Tests;

/// <summary>What a JVM sends for a task, written from the protocol's description and not from the code under test. Release by release: 3.3 to 4.0 A, 4.1 B, 4.2 C, 4.3 D.</summary>
internal sealed record TaskBytes(string Version)
{
    internal string Build { get; init; } = "test-1";
    internal int Split { get; init; } = 2;
    internal int Stage { get; init; } = 3;
    internal int Attempt { get; init; }
    internal long TaskId { get; init; } = 77;
    internal (int Port, string Secret)? Barrier { get; init; }
    internal string? GpuAddress { get; init; }
    internal (string Key, string Value)[] Properties { get; init; } = [];
    internal string Folder { get; init; } = "/tmp/sf";
    internal (long Id, string Path)[] Added { get; init; } = [];
    internal long[] Removed { get; init; } = [];
    internal (int Port, string Secret)? Encrypted { get; init; }
    internal byte[] Command { get; init; } = "cmd"u8.ToArray();
    internal bool IsSql { get; init; }
    internal byte[]?[] Frames { get; init; } = [];
    internal byte[] Arrow { get; init; } = [];

    private int Line { get; } = int.Parse(Version.Split('.')[0]) * 10 + int.Parse(Version.Split('.')[1]);

    internal static byte[] Int(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    internal static byte[] Long(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return bytes;
    }

    internal static byte[] Text(string text) => Block(Encoding.UTF8.GetBytes(text));

    internal static byte[] Block(byte[] block) => [.. Int(block.Length), .. block];

    internal static byte[] Flag(bool value) => [value ? (byte)1 : (byte)0];

    internal static byte[] Map(params (string Key, string Value)[] pairs) => [.. Int(pairs.Length), .. pairs.SelectMany(p => (byte[])[.. Text(p.Key), .. Text(p.Value)])];

    internal byte[] Header()
    {
        byte[] fields = [.. Int(Split), .. Text($"{Build};spark={Version}"), .. Context(), .. Text(Folder), .. Int(0), .. Broadcasts(), .. Int(IsSql ? 207 : 0), .. Function()];
        return Line >= 43 ? [.. Int(-8), .. Block(fields)] : fields;
    }

    internal byte[] Data() => IsSql ? [.. Arrow, .. Int(-4)] : [.. Frames.SelectMany(f => f is null ? Int(-5) : Block(f)), .. Int(-1), .. Int(-4)];

    internal byte[] All() => [.. Header(), .. Data()];

    private byte[] Context()
    {
        if (Line >= 42)
        {
            var resources = GpuAddress is null ? "" : $"\"gpu\":{{\"name\":\"gpu\",\"addresses\":[\"{GpuAddress}\"]}}";
            var properties = string.Join(',', Properties.Select(p => $"\"{p.Key}\":\"{p.Value}\""));
            return Text($"{{\"isBarrier\":{(Barrier is null ? "false" : "true")},\"connInfo\":{Barrier?.Port ?? -1},\"secret\":\"{Barrier?.Secret ?? "random"}\",\"stageId\":{Stage},\"partitionId\":{Split},"
                + $"\"attemptNumber\":{Attempt},\"taskAttemptId\":{TaskId},\"cpus\":1,\"cpuAmount\":\"1\",\"resources\":{{{resources}}},\"localProperties\":{{{properties}}}}}");
        }
        byte[] barrier = Barrier is { } b ? [.. Int(b.Port), .. Text(b.Secret)] : Line >= 41 ? [] : [.. Int(0), .. Text("")];
        byte[] gpu = GpuAddress is null ? Int(0) : [.. Int(1), .. Text("gpu"), .. Text("gpu"), .. Int(1), .. Text(GpuAddress)];
        return [.. Flag(Barrier is not null), .. barrier, .. Int(Stage), .. Int(Split), .. Int(Attempt), .. Long(TaskId), .. Int(1), .. gpu, .. Map(Properties)];
    }

    private byte[] Broadcasts()
    {
        byte[] source = Encrypted is { } e ? [.. Int(e.Port), .. Text(e.Secret)] : [];
        return [.. Flag(Encrypted is not null), .. Int(Removed.Length + Added.Length), .. source, .. Removed.SelectMany(id => Long(-id - 1)),
            .. Added.SelectMany(a => Encrypted is null ? (byte[])[.. Long(a.Id), .. Text(a.Path)] : Long(a.Id))];
    }

    private byte[] Function()
    {
        byte[] maps = Line >= 42 ? [.. Map(), .. Map()] : IsSql ? Map(("spark.sql.session.timeZone", "UTC")) : [];
        if (!IsSql) return [.. maps, .. Block(Command)];
        byte[] profiler = Line is 40 or 41 ? Flag(false) : [];
        byte[] named = Line >= 42 ? Flag(false) : [];
        byte[] result = Line >= 42 ? Long(9) : [];
        return [.. maps, .. profiler, .. Int(1), .. Int(1), .. Int(0), .. named, .. Int(1), .. Block(Command), .. result];
    }
}
