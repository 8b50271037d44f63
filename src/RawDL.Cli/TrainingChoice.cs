using System.CommandLine;
using System.Text;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary>The options that say what is trained on what.</summary>
internal sealed class TrainingChoice
{
    private readonly DataChoice _data = new();
    private readonly SynchronizationChoice _synchronization = new();
    private readonly Option<string?> _config = Values.Path("--config", "FILE", "Network and training as JSON; options given beside it win.");
    private readonly Option<string?> _model = Values.Choice("--model", "A network that comes with the program: lenet for grey images, resnet for colour, else mlp.", [.. Recipes.Names]);
    private readonly Option<int?> _epochs = Values.Integer("--epochs", "Passes over the training data.", 1, 1_000_000);
    private readonly Option<int?> _steps = Values.Integer("--steps", "Optimizer steps, instead of epochs.", 1, int.MaxValue);
    private readonly Option<int?> _batch = Values.Integer("--batch", "Samples per step of each rank; 0 for all of them (full-batch gradient descent).", 0, 1_000_000);
    private readonly Option<string?> _optimizer = Values.Choice("--optimizer", $"One of {string.Join(", ", Optimizer.Names)}.", [.. Optimizer.Names]);
    private readonly Option<float?> _rate = Values.Number("--lr", "Learning rate.", 0, 1e6f);
    private readonly Option<long?> _seed = Values.Long("--seed", "Of first values, order of samples, augmentation and dropout.", 0, long.MaxValue);

    /// <summary>What a run that goes on has already.</summary>
    private IEnumerable<Option> Settled => [_config, _model, _batch, _optimizer, _rate, _seed, .. _synchronization.Settled];

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_config, _model, _epochs, _steps, _batch, _optimizer, _rate, _seed]) command.Add(option);
        _data.AddTo(command);
        _synchronization.AddTo(command);
    }

    /// <summary>The configuration of a new run.</summary>
    /// <exception cref="UsageException">Options do not fit each other.</exception>
    /// <exception cref="ConfigurationException">The configuration does not fit the data.</exception>
    public TrainingConfiguration Begin(ParseResult parsed, Session session)
    {
        if (parsed.GetValue(_epochs) is not null && parsed.GetValue(_steps) is not null) throw new UsageException("--epochs: expected either --epochs or --steps, got both.");
        if (parsed.GetValue(_config) is not null && parsed.GetValue(_model) is not null) throw new UsageException("--config: expected either --config or --model, got both.");
        var configuration = parsed.GetValue(_config) is { } file ? TrainingConfiguration.Read(file) : null;
        var (given, selection) = _data.Choose(parsed, configuration);
        var name = given ?? "digits";
        var data = _data.Open(parsed, session, name, selection);
        configuration ??= Recipes.Read(parsed.GetValue(_model) ?? Recipes.For(data.Train.SampleShape), data.Train);
        configuration = Override(parsed, configuration) with { Data = name, Selection = selection, Input = data.Train.SampleShape };
        Model.Check(configuration, data.Train);
        if (configuration.Augmentation is { IsIdentity: false } augmentation) augmentation.Require(data.Train.SampleShape);
        return configuration;
    }

    /// <summary>Opens the folder of a run to go on with it; the configuration is its own, but for how long it runs and where its data lies.</summary>
    /// <exception cref="UsageException">An option beside it would change the run.</exception>
    public RunFolder Resume(ParseResult parsed, string path, out TrainingConfiguration configuration)
    {
        foreach (var option in Settled)
            if (parsed.GetResult(option) is { Implicit: false }) throw new UsageException($"--resume: expected no {option.Name} beside it, for the run has its own; got one.");
        var folder = RunFolder.Resume(path, out configuration);
        try
        {
            var (name, selection) = _data.Choose(parsed, configuration);
            configuration = Override(parsed, configuration) with
            {
                Data = name ?? throw new UsageException($"--resume: expected --data, for {path} names no data; got none."),
                Selection = selection,
            };
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Gives rank 0's configuration to all ranks and opens its data. Every rank calls it.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="session">The rank's own.</param>
    /// <param name="communicator">The ranks.</param>
    /// <param name="configuration">On rank 0 the configuration, with its data; elsewhere replaced by it.</param>
    public DatasetPair Share(ParseResult parsed, Session session, ICommunicator communicator, ref TrainingConfiguration? configuration)
    {
        var json = communicator.BroadcastBytes(configuration is null ? [] : Encoding.UTF8.GetBytes(configuration.ToJson()), 0);
        configuration ??= TrainingConfiguration.Parse(json);
        return _data.Open(parsed, session, communicator, configuration.Data!, configuration.Selection);
    }

    private TrainingConfiguration Override(ParseResult parsed, TrainingConfiguration configuration)
    {
        if (parsed.GetValue(_epochs) is { } epochs) configuration = configuration with { Epochs = epochs, Steps = null };
        if (parsed.GetValue(_steps) is { } steps) configuration = configuration with { Steps = steps };
        if (parsed.GetValue(_batch) is { } batch) configuration = configuration with { BatchSize = batch };
        if (parsed.GetValue(_optimizer) is { } name && name != configuration.Optimizer.Name) configuration = configuration with { Optimizer = new NamedOptions(name) };
        if (parsed.GetValue(_rate) is { } rate) configuration = configuration with { Optimizer = configuration.Optimizer.With("learning_rate", rate) };
        if (parsed.GetValue(_seed) is { } seed) configuration = configuration with { Seed = (ulong)seed };
        return configuration with { Synchronization = _synchronization.Override(parsed, configuration.Synchronization) };
    }
}
