using System.Numerics;
using System.Text;
using System.Text.Json;

namespace RawDL.Cli;

/// <summary>Every operation between ranks against what it must give. The values are small integers, so sums are exact in any order.</summary>
internal sealed unsafe class CollectiveTest
{
    private const int Cycle = 61, MostRoots = 8;
    private readonly ICommunicator _ranks;
    private readonly double[] _sums = new double[Cycle];
    private readonly List<(string Name, int Checks)> _rows = [];
    private readonly List<string> _wrong = [];
    private readonly List<string> _failures = [];
    private int _checks;

    /// <summary>Runs all checks; every rank calls it, and all get the failures of all.</summary>
    public CollectiveTest(ICommunicator communicator)
    {
        _ranks = communicator;
        for (var i = 0; i < Cycle; i++)
            for (var rank = 0; rank < Size; rank++) _sums[i] += Value(rank, i);
        // Vectors of one length for all ranks, and parts of it where each rank has its own.
        int[] lengths = [0, 1, 3, 1025, Math.Clamp(32_000_000 / Size, 10_007, 1_000_003) | 1];
        int Part(int length) => length <= 3 ? length : Math.Max(3, length / Size);
        Row("all_reduce", lengths, AllReduce);
        Row("all_reduce, started", lengths, StartedAllReduce);
        Row("reduce_scatter", lengths, length => ReduceScatter(Part(length)));
        Row("all_gather", lengths, length => AllGather(Part(length)));
        Row("all_to_all", lengths, length => AllToAll(Part(length)));
        Row("broadcast", lengths, Broadcast);
        Row("barrier", [0], _ => Expect(true, "barrier"));
        Row("split", [0], _ => Groups());
        if (Size > 1)
        {
            Row("send and receive", lengths, Ring);
            Row("probe", lengths, Probe);
        }
        ShareFailures();
    }

    public int Failed => _failures.Count;

    private int Size => _ranks.Size;

    private int Rank => _ranks.Rank;

    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteString("communicator", World.Describe(_ranks));
        json.WriteNumber("ranks", Size);
        json.WriteNumber("collective_checks", _rows.Sum(row => row.Checks));
        json.WriteStartArray("collective_failures");
        foreach (var failure in _failures) json.WriteStringValue(failure);
        json.WriteEndArray();
    }

    public void Write(TextWriter text)
    {
        var table = new TextTable("between ranks", ">checks", "result");
        foreach (var (name, checks) in _rows)
        {
            var failed = _failures.Count(failure => failure.Contains($": {name} ", StringComparison.Ordinal));
            table.Add(name, $"{checks}", failed == 0 ? "ok" : $"{failed} FAILED");
        }
        table.Write(text);
        foreach (var failure in _failures) text.WriteLine($"FAILED {failure}");
        text.WriteLine($"{_rows.Sum(row => row.Checks)} checks on each of {World.Describe(_ranks)}: {(Failed == 0 ? "all passed" : $"{Failed} failed")}");
    }

    private static int Value(int rank, int i) => (rank + (i % Cycle)) % Cycle;

    private static T[] Values<T>(int rank, int length) where T : unmanaged, INumber<T>
    {
        // Pinned: a request may be at work on them.
        var values = GC.AllocateArray<T>(length, pinned: true);
        for (var i = 0; i < length; i++) values[i] = T.CreateChecked(Value(rank, i));
        return values;
    }

    private void Row(string name, int[] lengths, Action<int> check)
    {
        var before = _checks;
        foreach (var length in lengths)
        {
            var known = _wrong.Count;
            check(length);
            for (var i = known; i < _wrong.Count; i++) _wrong[i] = $"rank {Rank}: {name} of {length}: {_wrong[i]}";
            _ranks.Barrier();
        }
        _rows.Add((name, _checks - before));
    }

    private void Expect(bool right, string wrong)
    {
        _checks++;
        if (!right) _wrong.Add(wrong);
    }

    private void Expect<T>(ReadOnlySpan<T> values, Func<int, double> expected, string what) where T : unmanaged, INumber<T>
    {
        _checks++;
        for (var i = 0; i < values.Length; i++)
        {
            if (double.CreateChecked(values[i]) == expected(i)) continue;
            _wrong.Add($"{what}: expected {expected(i)} as element {i}, got {values[i]}");
            return;
        }
    }

    private double Sum(int i) => _sums[i % Cycle];

    private void AllReduce(int length)
    {
        var floats = Values<float>(Rank, length);
        _ranks.AllReduceSum(floats.AsSpan());
        Expect<float>(floats, Sum, "float");
        var doubles = Values<double>(Rank, length);
        _ranks.AllReduceSum(doubles.AsSpan());
        Expect<double>(doubles, Sum, "double");
    }

    private void StartedAllReduce(int length)
    {
        float[] first = Values<float>(Rank, length), second = Values<float>(Rank, length);
        fixed (float* a = first, b = second)
        {
            var one = _ranks.StartAllReduceSum(a, length);
            var two = _ranks.StartAllReduceSum(b, length);
            while (!one.Test()) Thread.Yield();
            two.Wait();
            one.Wait();
        }
        Expect<float>(first, Sum, "first of two");
        Expect<float>(second, Sum, "second of two");
    }

    private void ReduceScatter(int part)
    {
        var mine = new float[part];
        _ranks.ReduceScatterSum(Values<float>(Rank, part * Size), mine);
        Expect<float>(mine, i => Sum((Rank * part) + i), "float");
    }

    private void AllGather(int part)
    {
        Gather<byte>(part);
        Gather<float>(part);
        Gather<long>(part);
    }

    private void Gather<T>(int part) where T : unmanaged, INumber<T>
    {
        var all = new T[part * Size];
        _ranks.AllGather<T>(Values<T>(Rank, part), all);
        Expect<T>(all, i => Value(i / part, i % part), typeof(T).Name);
    }

    private void AllToAll(int part)
    {
        var incoming = new int[part * Size];
        _ranks.AllToAll<int>(Values<int>(Rank, part * Size), incoming);
        Expect<int>(incoming, i => Value(i / part, (Rank * part) + (i % part)), "int");
    }

    private void Broadcast(int length)
    {
        var step = Math.Max(1, Size / MostRoots);
        for (var root = 0; root < Size; root += step)
        {
            var values = Values<float>(Rank, length);
            _ranks.Broadcast(values.AsSpan(), root);
            Expect<float>(values, i => Value(root, i), $"root {root}");
        }
    }

    private void Groups()
    {
        var half = _ranks.Split(Rank & 1, -Rank);
        Expect(half.Size == (Size + 1 - (Rank & 1)) / 2, $"expected half of the ranks, got {half.Size}");
        Expect(half.Rank == half.Size - 1 - (Rank / 2), $"expected the order of keys, got rank {half.Rank}");
        double[] sum = [Rank];
        half.AllReduceSum(sum);
        var expected = 0;
        for (var rank = Rank & 1; rank < Size; rank += 2) expected += rank;
        Expect(sum[0] == expected, $"expected the sum {expected} of half of the ranks, got {sum[0]}");
        var machine = _ranks.SplitByNode();
        var members = new int[machine.Size];
        machine.AllGather<int>([Rank], members);
        Expect(machine.Size <= Size && members[machine.Rank] == Rank, "expected the ranks of a machine with their numbers, got others");
    }

    // Each rank sends to the next one: first by a request, then one after the other.
    private void Ring(int length)
    {
        int next = (Rank + 1) % Size, previous = (Rank + Size - 1) % Size;
        float[] outgoing = Values<float>(Rank, length), incoming = new float[length + 1];
        MessageEnvelope message;
        fixed (float* pointer = outgoing)
        {
            var request = _ranks.StartSend(pointer, length, next, 5);
            message = _ranks.Receive<float>(incoming, previous, 5);
            request.Wait();
        }
        Expect(message == new MessageEnvelope(previous, 5, length), $"started: expected {length} elements from rank {previous}, got {message}");
        Expect<float>(incoming.AsSpan(0, length), i => Value(previous, i), "started");
        if (Rank == 0) _ranks.Send<float>(outgoing, next, 6);
        message = _ranks.Receive<float>(incoming, MessageEnvelope.AnySource, 6);
        if (Rank > 0) _ranks.Send<float>(outgoing, next, 6);
        Expect(message == new MessageEnvelope(previous, 6, length), $"in turn: expected {length} elements from rank {previous}, got {message}");
    }

    private void Probe(int length)
    {
        int next = (Rank + 1) % Size, previous = (Rank + Size - 1) % Size;
        Expect(!_ranks.TryProbe<long>(previous, 7, out _), "expected no message before it is sent, got one");
        _ranks.Barrier();
        var outgoing = Values<long>(Rank, length);
        var incoming = new long[length];
        fixed (long* pointer = outgoing)
        {
            var request = _ranks.StartSend(pointer, length, next, 7);
            var probed = _ranks.Probe<long>(MessageEnvelope.AnySource, MessageEnvelope.AnyTag);
            Expect(probed == new MessageEnvelope(previous, 7, length), $"expected {length} elements from rank {previous}, got {probed}");
            Expect(_ranks.TryProbe<long>(previous, 7, out var again) && again == probed, "expected the message to stay, got none");
            _ranks.Receive<long>(incoming, previous, 7);
            request.Wait();
        }
        Expect<long>(incoming, i => Value(previous, i), "received");
    }

    private void ShareFailures()
    {
        var counts = new int[Size];
        _ranks.AllGather<int>([_wrong.Count], counts);
        for (var root = 0; root < Size; root++)
            for (var i = 0; i < counts[root]; i++)
                _failures.Add(Encoding.UTF8.GetString(_ranks.BroadcastBytes(root == Rank ? Encoding.UTF8.GetBytes(_wrong[i]) : [], root)));
    }
}
