using System.CommandLine;
using System.Globalization;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary><c>rawdl train</c>: from data and a configuration to a model, a report and pictures.</summary>
internal sealed class TrainCommand
{
    private readonly DataChoice _data = new();
    private readonly DeviceChoice _device = new();
    private readonly Option<string?> _config = Values.Path("--config", "FILE", "Network and training as JSON; options given beside it win.");
    private readonly Option<string?> _model = Values.Choice("--model", "A network that comes with the program: lenet for grey images, resnet for colour, else mlp.", [.. Recipes.Names]);
    private readonly Option<int?> _epochs = Values.Integer("--epochs", "Passes over the training data.", 1, 1_000_000);
    private readonly Option<int?> _steps = Values.Integer("--steps", "Optimizer steps, instead of epochs.", 1, int.MaxValue);
    private readonly Option<int?> _batch = Values.Integer("--batch", "Samples per step; 0 for all of them (full-batch gradient descent).", 0, 1_000_000);
    private readonly Option<string?> _optimizer = Values.Choice("--optimizer", $"One of {string.Join(", ", Optimizer.Names)}.", [.. Optimizer.Names]);
    private readonly Option<float?> _rate = Values.Number("--lr", "Learning rate.", 0, 1e6f);
    private readonly Option<long?> _seed = Values.Long("--seed", "Of first values, order of samples, augmentation and dropout.", 0, long.MaxValue);
    private readonly Option<string?> _out = Values.Path("--out", "DIR", "Folder of the run; runs/TIME by default.");
    private readonly Option<string?> _resume = Values.Path("--resume", "DIR", "Go on with the run in this folder, from its newest checkpoint.");

    public static Command Create()
    {
        var train = new TrainCommand();
        var command = new ExampleCommand("train", "Train a network; without options LeNet on digits that the program draws.",
            "rawdl train", "rawdl train --data mnist --epochs 3 --seed 1", "rawdl train --config lenet.json --out runs/lenet", "rawdl train --resume runs/lenet")
        {
            train._config, train._model, train._epochs, train._steps, train._batch, train._optimizer, train._rate, train._seed, train._out, train._resume,
        };
        train._data.AddTo(command);
        train._device.AddTo(command);
        command.SetAction(train.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        Signals.Watched = true;
        var session = Session.Open(parsed);
        using var device = _device.Open(parsed, session);
        var (configuration, data, folder) = parsed.GetValue(_resume) is { } resumed ? Resume(parsed, session, resumed) : Begin(parsed, session);
        using (folder)
        {
            session.Say($"Run: {folder.Path}");
            var live = session.Interactive ? new LiveEvents(session) : null;
            using var trainer = new Trainer(configuration, data, new TrainerOptions { Device = device, Folder = folder, Events = (IRunEvents?)live ?? new PlainEvents(session) });
            var result = live is null ? trainer.Run(Signals.Stop) : live.Watch(() => trainer.Run(Signals.Stop));
            return Report(session, folder, result);
        }
    }

    private (TrainingConfiguration, DatasetPair, RunFolder) Begin(ParseResult parsed, Session session)
    {
        if (parsed.GetValue(_epochs) is not null && parsed.GetValue(_steps) is not null) throw new UsageException("--epochs: expected either --epochs or --steps, got both.");
        if (parsed.GetValue(_config) is not null && parsed.GetValue(_model) is not null) throw new UsageException("--config: expected either --config or --model, got both.");
        var configuration = parsed.GetValue(_config) is { } file ? TrainingConfiguration.Read(file) : null;
        var (given, selection) = _data.Choose(parsed, configuration);
        var name = given ?? "digits";
        var data = _data.Open(parsed, session, name, selection);
        configuration ??= Recipes.Read(parsed.GetValue(_model) ?? Recipes.For(data.Train.SampleShape), data.Train);
        configuration = Override(parsed, configuration) with { Data = name, Selection = selection, Input = data.Train.SampleShape };
        var path = parsed.GetValue(_out) ?? Path.Combine("runs", DateTime.Now.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture));
        CheckNetwork(configuration, data);
        return (configuration, data, RunFolder.Create(path, configuration));
    }

    private (TrainingConfiguration, DatasetPair, RunFolder) Resume(ParseResult parsed, Session session, string path)
    {
        foreach (var option in (Option[])[_config, _model, _batch, _optimizer, _rate, _seed, _out])
            if (parsed.GetResult(option) is not null) throw new UsageException($"--resume: expected no {option.Name} beside it, for the run has its own; got one.");
        var folder = RunFolder.Resume(path, out var configuration);
        try
        {
            var (name, selection) = _data.Choose(parsed, configuration);
            var data = _data.Open(parsed, session, name ?? throw new UsageException($"--resume: expected --data, for {path} names no data; got none."), selection);
            return (Override(parsed, configuration), data, folder);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    private TrainingConfiguration Override(ParseResult parsed, TrainingConfiguration configuration)
    {
        if (parsed.GetValue(_epochs) is { } epochs) configuration = configuration with { Epochs = epochs, Steps = null };
        if (parsed.GetValue(_steps) is { } steps) configuration = configuration with { Steps = steps };
        if (parsed.GetValue(_batch) is { } batch) configuration = configuration with { BatchSize = batch };
        if (parsed.GetValue(_optimizer) is { } name && name != configuration.Optimizer.Name) configuration = configuration with { Optimizer = new NamedOptions(name) };
        if (parsed.GetValue(_rate) is { } rate) configuration = configuration with { Optimizer = configuration.Optimizer.With("learning_rate", rate) };
        if (parsed.GetValue(_seed) is { } seed) configuration = configuration with { Seed = (ulong)seed };
        return configuration;
    }

    // Before the folder is made: a network that does not fit shall leave nothing behind.
    private static void CheckNetwork(TrainingConfiguration configuration, DatasetPair data)
    {
        Model.Check(configuration, data.Train);
        if (configuration.Augmentation is { IsIdentity: false } augmentation) augmentation.Require(data.Train.SampleShape);
    }

    private static int Report(Session session, RunFolder folder, TrainerResult result)
    {
        if (result.Status == RunStatus.Interrupted)
        {
            session.Warn($"interrupted after step {result.Step}; go on with: rawdl train --resume {folder.Path}");
            session.Emit(result.WriteJson, _ => { });
            return (int)Signals.Code;
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
        session.Say($"Next: rawdl eval {folder.Path}, rawdl predict {folder.Path} FILE");
        return (int)ExitCode.Ok;
    }
}
