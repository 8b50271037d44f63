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

    private List<byte[]> Answer(string task, RoundCall call, byte[][] frames)
    {
        using var daemon = new TestDaemon(new TaskCatalog(new Dictionary<string, ISparkTask> { [RoundTask.Name] = new RoundTask(), [SumTask.Name] = new SumTask() }, "test-1"));
        using var jvm = daemon.Connect();
        jvm.Send(new TaskBytes(Version) { Split = 0, Command = TestDaemon.Command(task, call.Encode()), Added = [(Run, _path)], Frames = frames }.All());
        return jvm.ReadResult(Version);
    }
}
