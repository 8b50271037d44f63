using System.CommandLine;
using System.Text.Json;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary>The options that say how ranks train together.</summary>
internal sealed class SynchronizationChoice
{
    private const string Average = "average", Gradients = "gradients", Downpour = "downpour";

    private readonly Option<string?> _sync = Values.Choice("--sync", $"How ranks train together: one of {string.Join(", ", SynchronizationOptions.Names)}.", [.. SynchronizationOptions.Names]);

    private readonly Option<string?> _period = Values.Text("--period", "K|SCHEDULE",
        "average: steps from one averaging to the next; 1x200,5x1000,20 is a schedule of rounds, adaptive:0.01 follows how far replicas move apart.", text => PeriodSchedule.Parse(text));

    private readonly Option<int?> _nodePeriod = Values.Integer("--node-period", "average: steps from one averaging inside each machine to the next; 0 for none.", 0, 1_000_000);
    private readonly Option<string?> _outer = Values.Choice("--outer", $"average: what is made of the averages: one of {string.Join(", ", OuterOptimizer.Names)}.", [.. OuterOptimizer.Names]);
    private readonly Option<float?> _outerMomentum = Values.Number("--outer-momentum", "average: momentum of --outer.", 0, MathF.BitDecrement(1));
    private readonly Option<float?> _outerRate = Values.Number("--outer-lr", "average: learning rate of --outer.", 0, 1000);
    private readonly Option<string?> _updater = Values.Choice("--updater-state", "average: what becomes of the optimizer's states: average, keep or reset.", [.. SynchronizationOptions.UpdaterStates]);
    private readonly Option<string?> _wire = Values.Choice("--wire", "gradients: the numbers that travel.", [.. SynchronizationOptions.WireFormats]);
    private readonly Option<string?> _compression = Values.Choice("--compression", "gradients: send less of them, and what was left out later.", [.. SynchronizationOptions.CompressionNames]);
    private readonly Option<int?> _servers = Values.Integer("--servers", "downpour: ranks that serve, the last ones.", 1, 1_000_000);
    private readonly Option<int?> _fetch = Values.Integer("--fetch-period", "downpour: steps from one fetch of the parameters to the next.", 1, 1_000_000);
    private readonly Option<int?> _push = Values.Integer("--push-period", "downpour: steps from one push of gradients to the next.", 1, 1_000_000);
    private readonly Option<int?> _warm = Values.Integer("--warm-start", "downpour: steps that the first replica trains alone.", 0, 1_000_000_000);
    private readonly Option<string?> _server = Values.Choice("--server", "downpour: what the servers do with gradients: sgd or adagrad.", ["sgd", "adagrad"]);
    private readonly Option<float?> _serverRate = Values.Number("--server-lr", "downpour: learning rate of --server.", 0, 1e6f);
    private readonly Option<int?> _accumulate = Values.Integer("--accumulate", "Batches of each rank per step, one after the other.", 1, 1_000_000);
    private readonly Option<bool> _deterministic = new("--deterministic") { Description = "Sum in an order that depends on the number of ranks alone." };

    // Each with the only strategy that heeds it, and its key in a configuration where the value goes there as it is.
    private readonly (Option Option, string? Strategy, string? Key)[] _options;

    public SynchronizationChoice() => _options =
    [
        (_sync, null, "name"), (_period, Average, "period"), (_nodePeriod, Average, "node_period"), (_outer, Average, null), (_outerMomentum, Average, null),
        (_outerRate, Average, null), (_updater, Average, "updater_state"), (_wire, Gradients, "wire"), (_compression, Gradients, "compression"),
        (_servers, Downpour, "servers"), (_fetch, Downpour, "fetch_period"), (_push, Downpour, "push_period"), (_warm, Downpour, "warm_start"),
        (_server, Downpour, null), (_serverRate, Downpour, null),
        (_accumulate, null, "accumulation"), (_deterministic, null, "deterministic"),
    ];

    /// <summary>What a run that goes on has already: the number of servers may change, as that of ranks may.</summary>
    public IEnumerable<Option> Settled => All.Where(option => option != _servers);

    private IEnumerable<Option> All => _options.Select(row => row.Option);

    public void AddTo(Command command)
    {
        foreach (var option in All) command.Add(option);
    }

    /// <summary>The same with what the command line says.</summary>
    /// <exception cref="UsageException">An option that the strategy does not heed.</exception>
    /// <exception cref="ConfigurationException">Values that do not fit each other.</exception>
    public SynchronizationOptions Override(ParseResult parsed, SynchronizationOptions options)
    {
        var strategy = parsed.GetValue(_sync) ?? options.Name;
        foreach (var (option, only, _) in _options)
            if (only is not null && only != strategy && parsed.GetResult(option) is { Implicit: false })
                throw new UsageException($"{option.Name}: expected --sync {only} beside it, got {strategy}.");
        var outer = parsed.GetValue(_outer) is { } name && name != options.Outer.Name ? new NamedOptions(name) : options.Outer;
        if (parsed.GetValue(_outerMomentum) is { } momentum) outer = outer.With("momentum", momentum);
        if (parsed.GetValue(_outerRate) is { } rate) outer = outer.With("learning_rate", rate);
        var server = parsed.GetValue(_server) is { } rule && rule != options.Server.Name ? new NamedOptions(rule) : options.Server;
        if (parsed.GetValue(_serverRate) is { } serverRate) server = server.With("learning_rate", serverRate);
        return (options with { Outer = outer, Server = server }).With(json =>
        {
            foreach (var (option, _, key) in _options)
                if (key is not null && parsed.GetResult(option) is { Implicit: false }) Write(json, key, parsed, option);
        });
    }

    private static void Write(Utf8JsonWriter json, string key, ParseResult parsed, Option option)
    {
        switch (option)
        {
            case Option<string?> text: json.WriteString(key, parsed.GetValue(text)); break;
            case Option<int?> number: json.WriteNumber(key, parsed.GetValue(number)!.Value); break;
            case Option<bool> flag: json.WriteBoolean(key, parsed.GetValue(flag)); break;
            default: throw new InvalidOperationException($"{option.Name}: expected text, a number or a flag.");
        }
    }
}
