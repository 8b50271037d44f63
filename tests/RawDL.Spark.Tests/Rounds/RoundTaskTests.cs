using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using RawDL.NN;

namespace RawDL.Spark.Tests;

/// <summary>A replica and the sum of replicas as executors run them, with the JVM's side played.</summary>
internal sealed class RoundTaskTests
{
    private const string Version = "3.5.9";
    private const long Run = 5;
    private string _path = "";

    [OneTimeSetUp]
    public void CreateRun()
    {
        var data = new FloatDataset("data", new Shape(2), [1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 0, 1], ["even", "odd"]);
        var run = RunContent.Encode(Recipes.Read("linear", data), new DatasetPair(data, data));
        _path = Path.GetTempFileName();
        // A broadcast begins with its length.
        File.WriteAllBytes(_path, [.. TaskBytes.Long(run.Length), .. run]);
    }

    [OneTimeTearDown]
    public void Delete() => File.Delete(_path);

    [Test]
    public void A_replica_that_does_not_reach_the_driver_says_so_for_every_slice()
    {
        var source = new RoundSource(IPAddress.Loopback.ToString(), IPAddress.Loopback);
        source.Dispose();
        var frames = Answer(RoundTask.Name, new RoundCall(Guid.NewGuid(), Run, 0, RoundKind.Average, 2, 3, [], source.Address), []);
        Assert.That(frames, Has.Count.EqualTo(6), "a key and a value each");
        for (var slice = 0; slice < 3; slice++)
        {
            Assert.That(frames[2 * slice], Is.EqualTo(TaskBytes.Long(slice)));
            Assert.That(RoundFrame.Read(frames[2 * slice + 1], out var text), Is.EqualTo((RoundFrame.Unreachable, 0, 0, 0)));
            Assert.That(Encoding.UTF8.GetString(text), Does.StartWith($"the driver at 127.0.0.1:{source.Address.Port}: "));
        }
    }

    [Test]
    public void There_is_no_sum_without_the_replica_that_does_not_reach_the_driver()
    {
        byte[] part = [.. RoundFrame.Head(RoundFrame.Part, 0, 0, 2), .. MemoryMarshal.AsBytes([1f, 2f])], other = [.. RoundFrame.Head(RoundFrame.Part, 1, 0, 2), .. MemoryMarshal.AsBytes([3f, 4f])];
        byte[] unreachable = [.. RoundFrame.Head(RoundFrame.Unreachable, 1), .. "nobody"u8];
        var call = new RoundCall(Guid.NewGuid(), Run, 0, RoundKind.Average, 2, 1, []);
        Assert.That(Answer(SumTask.Name, call, [part, unreachable]), Is.EqualTo(new[] { unreachable }));
        var sum = Answer(SumTask.Name, call, [other, part]).Single();
        Assert.That(RoundFrame.Read(sum, out var bytes).Kind, Is.EqualTo(RoundFrame.Sum));
        Assert.That(MemoryMarshal.Cast<byte, float>(bytes[^8..]).ToArray(), Is.EqualTo(new[] { 4f, 6f }));
    }

    [Test]
    public void A_sum_goes_to_the_driver_and_through_Spark_where_the_driver_does_not_take_it()
    {
        byte[] part = [.. RoundFrame.Head(RoundFrame.Part, 0, 0, 2), .. MemoryMarshal.AsBytes([1f, 2f])];
        using var source = new RoundSource(IPAddress.Loopback.ToString(), IPAddress.Loopback);
        var call = new RoundCall(Guid.NewGuid(), Run, source.Offer(new byte[100]), RoundKind.Average, 1, 1, [], source.Address);
        var taken = Answer(SumTask.Name, call, [part]).Single();
        Assert.That(RoundFrame.Read(taken, out var rest).Kind, Is.EqualTo(RoundFrame.Taken));
        Assert.That(rest.IsEmpty, Is.True);
        source.Withdraw();
        var sum = Answer(SumTask.Name, call, [part]).Single();
        Assert.That(RoundFrame.Read(sum, out var bytes).Kind, Is.EqualTo(RoundFrame.Sum));
        Assert.That(MemoryMarshal.Cast<byte, float>(bytes[^8..]).ToArray(), Is.EqualTo(new[] { 1f, 2f }));
    }

    // The sum of Spark's exchange, and that of replicas that meet in the process of one of them.
    [Test]
    public void Replicas_that_meet_have_the_sum_of_those_that_Spark_brings_together()
    {
        using var source = new RoundSource(IPAddress.Loopback.ToString(), IPAddress.Loopback);
        using var daemon = Open();
        var call = new RoundCall(Guid.NewGuid(), Run, source.Offer(Begin()), RoundKind.Average, 2, 1, [0.25f, 0.75f], source.Address);
        var written = Enumerable.Range(0, 2).SelectMany(rank => Answer(daemon, RoundTask.Name, call, [], rank).Where((_, i) => i % 2 == 1)).ToArray();
        Assert.That(written.Select(Kind), Is.EqualTo((int[])[RoundFrame.Part, RoundFrame.Report, RoundFrame.Adder, RoundFrame.Part, RoundFrame.Report, RoundFrame.Adder]));
        var passed = Answer(daemon, SumTask.Name, call, written);
        Assert.That(passed.Select(Kind), Is.EqualTo((int[])[RoundFrame.Report, RoundFrame.Adder, RoundFrame.Report, RoundFrame.Adder, RoundFrame.Taken]));
        var expected = source.Taken(0);
        Assert.That(expected, Is.Not.Null);
        var adders = passed.Where(frame => Kind(frame) == RoundFrame.Adder).Select(frame =>
        {
            RoundFrame.Read(frame, out var address);
            return RoundAddress.Decode(address).Single();
        }).Distinct().ToArray();
        Assert.That(adders, Has.Length.EqualTo(1), "of one process");

        source.Withdraw();
        call = call with { Start = source.Offer(Begin()), Adders = adders };
        Assert.That(Answer(daemon, RoundTask.Name, call, [], 1).Select(Kind), Is.EqualTo((int[])[RoundFrame.Report, RoundFrame.Adder]));
        Assert.That(source.Taken(0), Is.Null);
        var last = Answer(daemon, RoundTask.Name, call, [], 0);
        Assert.That(last.Select(Kind), Is.EqualTo((int[])[RoundFrame.Taken, RoundFrame.Report, RoundFrame.Adder]));
        Assert.That(last[0], Is.EqualTo(passed[^1]));
        Assert.That(source.Taken(0), Is.EqualTo(expected));
    }

    [Test]
    public void A_replica_that_does_not_reach_an_adder_says_so_and_reports()
    {
        using var source = new RoundSource(IPAddress.Loopback.ToString(), IPAddress.Loopback);
        using var daemon = Open();
        var gone = new RoundAdder(IPAddress.Loopback);
        gone.Dispose();
        var frames = Answer(daemon, RoundTask.Name, new RoundCall(Guid.NewGuid(), Run, source.Offer(Begin()), RoundKind.Average, 2, 1, [], source.Address, [gone.Address]), []);
        Assert.That(frames.Select(Kind), Is.EqualTo((int[])[RoundFrame.Lost, RoundFrame.Report, RoundFrame.Adder]));
        RoundFrame.Read(frames[0], out var text);
        Assert.That(Encoding.UTF8.GetString(text), Does.StartWith($"the executor at {gone.Address}: ").And.Not.Contain(gone.Address.Token));
    }

    private static int Kind(byte[] frame) => RoundFrame.Read(frame, out _).Kind;

    // Two features, two classes.
    private static byte[] Begin()
    {
        var buffer = Array.Empty<byte>();
        return new RoundStart { Kind = RoundKind.Average, FirstStep = 1, Epoch = 0, Position = 0, Rates = [0.1f], Weights = [0.25f, 0.75f], Values = [0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f] }.Encode(ref buffer).ToArray();
    }

    private static TestDaemon Open() => new(new TaskCatalog(new Dictionary<string, ISparkTask> { [RoundTask.Name] = new RoundTask(), [SumTask.Name] = new SumTask() }, "test-1"));

    private List<byte[]> Answer(string task, RoundCall call, byte[][] frames)
    {
        using var daemon = Open();
        return Answer(daemon, task, call, frames);
    }

    private List<byte[]> Answer(TestDaemon daemon, string task, RoundCall call, byte[][] frames, int split = 0)
    {
        using var jvm = daemon.Connect();
        jvm.Send(new TaskBytes(Version) { Split = split, Command = TestDaemon.Command(task, call.Encode()), Added = [(Run, _path)], Frames = frames }.All());
        return jvm.ReadResult(Version);
    }
}
