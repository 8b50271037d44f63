using System.CommandLine;
using System.Globalization;
using RawDL.NN;
using RawDL.Spark;

namespace RawDL.Cli;

/// <summary><c>rawdl train</c>: from data and a configuration to a model, a report and pictures.</summary>
internal sealed class TrainCommand
{
    private readonly TrainingChoice _training = new();
    private readonly DeviceChoice _device = new();
    private readonly World _world = new();
    private readonly SparkChoice _spark = new();
    private readonly Option<string?> _out = Values.Path("--out", "DIR", "Folder of the run; runs/TIME by default.");
    private readonly Option<string?> _resume = Values.Path("--resume", "DIR", "Go on with the run in this folder, from its newest checkpoint, on any number of ranks.");
    private readonly Option<string?> _trace = Values.Path("--trace", "FILE", "Write where the time of each rank or replica went, for chrome://tracing or Perfetto.");

    public static Command Create()
    {
        var train = new TrainCommand();
        var command = new ExampleCommand("train", "Train a network; without options LeNet on digits that the program draws.",
            "rawdl train", "rawdl train --data mnist --epochs 3 --seed 1", "rawdl train --config lenet.json --out runs/lenet", "rawdl train --resume runs/lenet",
            "mpiexec -n 4 rawdl train --data mnist --sync average --period 5", "rawdl train --workers 4 --sync gradients --trace trace.json",
            "mpiexec -n 4 rawdl train --data mnist --sync downpour");
        train._training.AddTo(command);
        command.Add(train._out);
        command.Add(train._resume);
        command.Add(train._trace);
        train._device.AddTo(command);
        train._world.AddTo(command);
        train._spark.AddTo(command);
        command.SetAction(parsed => train._world.Run(parsed, (session, communicator) => train.Run(parsed, session, communicator)));
        return command;
    }

    private int Run(ParseResult parsed, Session session, ICommunicator communicator)
    {
        Signals.Watched = true;
        // Ranks inside Spark have devices of their own, where they run.
        var ranks = SparkJob.Current is { } cluster && _spark.IsRanks(parsed) ? cluster : null;
        using var device = ranks is null ? _device.Open(parsed, session, communicator) : null;
        TrainingConfiguration? configuration = null;
        using var trace = communicator.Rank > 0 ? null : TraceFile.Open(parsed.GetValue(_trace), parsed.GetValue(_out));
        using var remote = communicator.Rank > 0 ? null : RemoteFolder.OpenRun(parsed.GetValue(_out), parsed.GetValue(_resume));
        using var folder = communicator.Rank > 0 ? null : parsed.GetValue(_resume) is { } resumed ? Resume(parsed, remote?.LocalPath ?? resumed, out configuration) : Begin(parsed, session, communicator, remote, out configuration);
        var data = _training.Share(parsed, session, communicator, ref configuration);
        if (folder is not null) session.Say($"Run: {remote?.Path ?? folder.Path}");
        if (ranks is not null && folder is not null)
        {
            var code = RanksTraining.Run(parsed, session, ranks.Context, _spark, configuration!, data, folder, remote, trace?.LocalPath, Signals.Stop);
            trace?.Mirror();
            return code;
        }
        var live = session.Interactive ? new LiveEvents(session) : null;
        using var rounds = SparkJob.Current is { } job && folder is not null ? _spark.OpenRounds(parsed, session, job.Context, configuration!, data) : null;
        var options = new TrainerOptions
        {
            Device = device!,
            Communicator = communicator,
            Folder = folder,
            Trace = trace?.LocalPath ?? parsed.GetValue(_trace),
            Events = remote is null ? Events() : new MirroredEvents(remote, Events()),
        };
        if (rounds is not null) options = rounds.AddTo(options);
        var outcome = live is null ? Train() : live.Watch(Train);
        if (folder is not null) Report(session, folder, remote?.Path ?? folder.Path, outcome.Result!);
        remote?.Mirror();
        trace?.Mirror();
        // The run goes on without this rank and ends well: an exit code would end it for all.
        if (outcome.Failure is { } failure) World.Tell(parsed, failure, communicator.Rank);
        return (int)(outcome.Status != RunStatus.Interrupted ? ExitCode.Ok : Signals.Stop.IsCancellationRequested ? Signals.Code : ExitCode.RunAgain);

        RankOutcome Train() => DistributedTraining.Run(configuration!, data, options, Signals.Stop);

        IRunEvents? Events() => folder is null ? null : (IRunEvents?)live ?? new PlainEvents(session);
    }

    // The folder is made last: options or a network that do not fit shall leave nothing behind.
    private RunFolder Begin(ParseResult parsed, Session session, ICommunicator communicator, RemoteFolder? remote, out TrainingConfiguration configuration)
    {
        configuration = _training.Begin(parsed, session);
        if (SparkJob.Current is null) DistributedTraining.Require(configuration, communicator.Size);
        else if (!_spark.IsRanks(parsed)) SparkRounds.Require(configuration);
        return RunFolder.Create(remote?.LocalPath ?? parsed.GetValue(_out) ?? Path.Combine("runs", DateTime.Now.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)), configuration);
    }

    private RunFolder Resume(ParseResult parsed, string path, out TrainingConfiguration configuration)
    {
        if (parsed.GetResult(_out) is not null) throw new UsageException("--resume: expected no --out beside it, for the run has its own; got one.");
        return _training.Resume(parsed, path, out configuration);
    }

    private static void Report(Session session, RunFolder folder, string path, TrainerResult result)
    {
        if (result.Status == RunStatus.Interrupted)
        {
            session.Warn($"interrupted after step {result.Step}; go on with: rawdl train --resume {path}");
            session.Emit(result.WriteJson, _ => { });
            return;
        }
        try
        {
            if (result.Evaluation is { Classes: > 0 } evaluation) ConfusionPlot.Save(folder.In("confusion.png"), evaluation);
            LossPlot.Save(folder.In("loss.png"), result.History);
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or IOException or UnauthorizedAccessException)
        {
            session.Warn($"no pictures: {e.Message}");
        }
        session.Emit(result.WriteJson, text => text.Write(result.ToText()));
        session.Say($"Next: rawdl eval {path}, rawdl predict {path} FILE");
    }
}
