using System.CommandLine;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary><c>rawdl eval</c>: the scores of a trained model on the test part of some data.</summary>
internal sealed class EvalCommand
{
    private readonly ModelChoice _model = new();
    private readonly DataChoice _data = new();
    private readonly DeviceChoice _device = new();
    private readonly World _world = new();
    private readonly SparkScoringChoice _cluster = new();
    private readonly Option<string?> _plots = Values.Path("--plots", "DIR", "Draw the confusion matrix into this folder: confusion.png and confusion.svg.");

    public static Command Create()
    {
        var eval = new EvalCommand();
        var command = new ExampleCommand("eval", "Score a trained model on the test part of its data, or of other data of the same kind.",
            "rawdl eval runs/lenet", "rawdl eval runs/lenet/model.safetensors --data mnist --json", "rawdl eval runs/lenet --plots pictures", "mpiexec -n 4 rawdl eval runs/lenet",
            "spark-submit … job.py eval runs/lenet --sql \"select label, pixels from mnist_test\"");
        eval._model.AddTo(command);
        eval._data.AddTo(command);
        command.Add(eval._plots);
        eval._cluster.AddTo(command);
        eval._device.AddTo(command);
        eval._world.AddTo(command);
        command.SetAction(parsed => eval._world.Run(parsed, (session, communicator) => eval.Run(parsed, session, communicator)));
        return command;
    }

    // Every rank scores its part of the samples.
    private int Run(ParseResult parsed, Session session, ICommunicator communicator)
    {
        Signals.Watched = true;
        using var device = _device.Open(parsed, session, communicator);
        using var model = _model.Open(parsed, session, device);
        if (_data.NamesRows(parsed)) return Finish(parsed, session, _cluster.Evaluate(parsed, session, model, _data.Choose(parsed, null)));
        var (name, selection) = _data.Choose(parsed, model.Configuration);
        var test = _data.Open(parsed, session, communicator, name ?? throw new UsageException("--data: expected a data set, for the model names none; got none."), selection, model).Test;
        model.Require(test);
        if (parsed.GetValue(_plots) is { } plots && communicator.Rank == 0) RequirePlots(plots, test.Classes);
        session.Say($"Data: {test.Name}, {test.Count} samples");
        var evaluation = model.Evaluate(test, communicator, Signals.Stop);
        return communicator.Rank > 0 ? (int)ExitCode.Ok : Finish(parsed, session, evaluation);
    }

    private static void RequirePlots(string plots, int classes)
    {
        if (classes == 0) throw new UsageException("--plots: expected a model of classes, got a regression, which has no confusion matrix.");
        Durable.CreateDirectory(plots);
    }

    private int Finish(ParseResult parsed, Session session, Evaluation evaluation)
    {
        if (parsed.GetValue(_plots) is { } plots)
        {
            RequirePlots(plots, evaluation.Classes);
            ConfusionPlot.Save(Path.Combine(plots, "confusion.png"), evaluation);
        }
        session.Emit(evaluation.WriteJson, text => text.Write(evaluation.ToText()));
        return (int)ExitCode.Ok;
    }
}
