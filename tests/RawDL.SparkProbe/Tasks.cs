using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using RawDL.Spark;

namespace RawDL.SparkProbe;

/// <summary>The tasks that the probe's executors can do.</summary>
public static class Tasks
{
    public static IReadOnlyDictionary<string, ISparkTask> All { get; } = new Dictionary<string, ISparkTask>
    {
        ["echo"] = new Echo(),
        ["sum"] = new Sum(),
        ["fail"] = new Fail(),
        ["facts"] = new Facts(),
        ["digest"] = new Digest(),
        ["wait"] = new Wait(),
        ["meet"] = new Meet(),
        ["together"] = new Together(),
        ["count"] = new CountRows(),
    };

    /// <summary>What came, unchanged; rows too.</summary>
    private sealed class Echo : ISparkTask
    {
        public void Run(TaskContext context, TaskInput input, TaskOutput output)
        {
            if (input.IsArrow)
                while (input.ReadBatch() is { } batch) output.WriteBatch(batch);
            else
                while (input.MoveNext()) output.Write(input.IsNull ? "<null>"u8 : input.Current.Span);
        }
    }

    /// <summary>Payload: one byte, the number of keys of the next level or 0 at the end. Values are a source (int) and a double; a frame of another size counts as its length.</summary>
    private sealed class Sum : ISparkTask
    {
        public void Run(TaskContext context, TaskInput input, TaskOutput output)
        {
            var values = new SortedDictionary<int, double>();
            while (input.MoveNext())
            {
                var frame = input.Current.Span;
                if (frame.Length == 12) values[BinaryPrimitives.ReadInt32BigEndian(frame)] = BinaryPrimitives.ReadDoubleBigEndian(frame[4..]);
                else values[1000 + values.Count] = frame.Length;
            }
            var result = new byte[12];
            BinaryPrimitives.WriteInt32BigEndian(result, context.Split);
            BinaryPrimitives.WriteDoubleBigEndian(result.AsSpan(4), values.Values.Sum());
            var keys = context.Payload.Span[0];
            if (keys == 0) output.Write(result);
            else output.WritePair(context.Split % keys, result);
        }
    }

    /// <summary>Payload: one byte, the attempts that fail.</summary>
    private sealed class Fail : ISparkTask
    {
        public void Run(TaskContext context, TaskInput input, TaskOutput output)
        {
            output.Write("some output before"u8);
            if (context.Attempt < context.Payload.Span[0]) throw new InvalidOperationException("no luck today\nand a second line");
            output.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"attempt {context.Attempt}")));
        }
    }

    /// <summary>One line of what the task knows.</summary>
    private sealed class Facts : ISparkTask
    {
        public void Run(TaskContext context, TaskInput input, TaskOutput output)
        {
            var rows = 0;
            while (input.MoveNext()) rows++;
            context.Properties.TryGetValue("probe.property", out var property);
            output.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
                $"{context.Split}|{context.Partition}|{context.Attempt}|{context.Cpus}|{rows}|{property}|{Environment.ProcessId}|{context.FilesFolder}|{context.Stage}")));
        }
    }

    /// <summary>Payload: a broadcast's number. Its digest and length.</summary>
    private sealed class Digest : ISparkTask
    {
        public void Run(TaskContext context, TaskInput input, TaskOutput output)
        {
            var content = context.Broadcast(BinaryPrimitives.ReadInt64BigEndian(context.Payload.Span)).Span;
            output.Write(Encoding.UTF8.GetBytes($"{Convert.ToHexString(SHA256.HashData(content))} {content.Length}"));
        }
    }

    /// <summary>Payload: a folder. Waits until it is cancelled, and leaves files there that say so.</summary>
    private sealed class Wait : ISparkTask
    {
        public void Run(TaskContext context, TaskInput input, TaskOutput output)
        {
            var folder = Encoding.UTF8.GetString(context.Payload.Span);
            File.WriteAllText(Path.Combine(folder, $"{context.TaskId}.begun"), "");
            var cancelled = context.Cancellation.WaitHandle.WaitOne(TimeSpan.FromSeconds(30));
            File.WriteAllText(Path.Combine(folder, $"{context.TaskId}.ended"), cancelled ? "cancelled" : "late");
        }
    }

    /// <summary>Payload: a folder. Waits until tasks of two stages have come there, and gives their number.</summary>
    private sealed class Together : ISparkTask
    {
        public void Run(TaskContext context, TaskInput input, TaskOutput output)
        {
            var folder = Encoding.UTF8.GetString(context.Payload.Span);
            File.WriteAllText(Path.Combine(folder, $"{context.Stage}"), "");
            for (var clock = Stopwatch.StartNew(); Directory.GetFiles(folder).Length < 2 && clock.Elapsed < TimeSpan.FromSeconds(20);) Thread.Sleep(5);
            for (var i = Directory.GetFiles(folder).Length; i > 0; i--) output.Write([]);
        }
    }

    private sealed class Meet : ISparkTask
    {
        public void Run(TaskContext context, TaskInput input, TaskOutput output)
        {
            context.Barrier();
            output.Write(Encoding.UTF8.GetBytes(string.Join(',', context.AllGather($"é{context.Partition}"))));
        }
    }

    /// <summary>Payload: a schema message. The elements are Arrow batches without schema; the result is the number of rows and the sum of the first column.</summary>
    private sealed class CountRows : ISparkTask
    {
        public void Run(TaskContext context, TaskInput input, TaskOutput output)
        {
            var frames = ArrowFrames.Read(context.Payload.Span);
            long rows = 0, sum = 0;
            while (input.MoveNext())
            {
                using var batch = frames.Decode(input.Current.Span);
                rows += batch.Length;
                foreach (var value in ((Apache.Arrow.Int64Array)batch.Column(0)).Values) sum += value;
            }
            output.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{rows} {sum}")));
        }
    }
}
