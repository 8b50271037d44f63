using System.CommandLine;

namespace RawDL.Cli;

/// <summary><c>rawdl selftest</c>: every operation on the chosen device against loops in double precision; between ranks every collective, and its speed.</summary>
internal sealed class SelfTestCommand
{
    private const int LargestBytes = 64 << 20, BytesOfMachine = 1 << 29;

    private readonly DeviceChoice _device = new();
    private readonly World _world = new();
    private readonly Option<bool> _collectives = new("--collectives") { Description = "Only what ranks do together." };
    private readonly Option<int?> _bytes = Values.Integer("--max-bytes", "The largest message that is timed; 64 MiB by default, less where many ranks share a machine.", 4, 1 << 30);

    public static Command Create()
    {
        var test = new SelfTestCommand();
        var command = new ExampleCommand("selftest", "Check every operation on the chosen device, and between ranks every collective with its speed.",
            "rawdl selftest", "rawdl selftest --threads 1 --json", "mpiexec -n 4 rawdl selftest", "rawdl selftest --collectives --workers 4 --max-bytes 1048576") { test._collectives, test._bytes };
        test._device.AddTo(command);
        test._world.AddTo(command);
        command.SetAction(parsed => test._world.Run(parsed, (session, communicator) => test.Run(parsed, session, communicator)));
        return command;
    }

    private int Run(ParseResult parsed, Session session, ICommunicator communicator)
    {
        var alone = parsed.GetValue(_collectives);
        var operations = alone || communicator.Rank > 0 ? null : Operations(parsed, session);
        if (!alone) WaitForRankZero(communicator);
        CollectiveTest? collectives = null;
        var timings = new List<CollectiveTiming>();
        if (alone || communicator is not SoloCommunicator)
        {
            session.Say($"Checking the collectives between {World.Describe(communicator)}.");
            collectives = new CollectiveTest(communicator);
            if (collectives.Failed == 0 && communicator.Size > 1)
                timings = new CollectiveBenchmark(communicator).Run(parsed.GetValue(_bytes) ?? Math.Min(LargestBytes, BytesOfMachine / communicator.SplitByNode().Size));
        }
        session.Emit(
            json =>
            {
                json.WriteStartObject();
                operations?.WriteJson(json);
                if (collectives is not null)
                {
                    collectives.WriteJson(json);
                    CollectiveTiming.WriteJson(json, timings);
                }
                json.WriteEndObject();
            },
            text =>
            {
                operations?.Write(text);
                if (collectives is null) return;
                if (operations is not null) text.WriteLine();
                collectives.Write(text);
                if (timings.Count > 0) text.WriteLine();
                CollectiveTiming.Write(text, timings, communicator.Size);
            });
        // A kernel that computes wrongly is a fault of the device or of this build for it.
        return (int)(operations is { Failed: > 0 } ? ExitCode.Device : collectives is { Failed: > 0 } ? ExitCode.Communication : ExitCode.Ok);
    }

    private OperationTest Operations(ParseResult parsed, Session session)
    {
        var device = _device.Open(parsed, session);
        session.Say($"Checking the operations of {device} against double precision.");
        return new OperationTest(device);
    }

    // By messages, as ranks in a collective would take the processors that it computes on.
    private static void WaitForRankZero(ICommunicator communicator)
    {
        Span<int> done = [0];
        if (communicator.Rank > 0)
        {
            communicator.Probe<int>(0, 0);
            communicator.Receive(done, 0, 0);
            return;
        }
        for (var rank = 1; rank < communicator.Size; rank++) communicator.Send<int>(done, rank, 0);
    }
}
