using System.Text.Json;

namespace RawDL.NN;

/// <summary>How ranks train together; the key <c>synchronization</c> of a configuration. One process heeds it too: its group has one member.</summary>
public sealed record SynchronizationOptions
{
    private static readonly (string, SynchronizationKind)[] Kinds =
        [("average", SynchronizationKind.Average), ("gradients", SynchronizationKind.Gradients), ("downpour", SynchronizationKind.Downpour)];

    private static readonly (string, UpdaterState)[] States = [("average", UpdaterState.Average), ("keep", UpdaterState.Keep), ("reset", UpdaterState.Reset)];

    private static readonly (string, WireFormat)[] Wires = [("float32", WireFormat.Float32), ("bfloat16", WireFormat.BFloat16), ("float16", WireFormat.Float16)];

    private static readonly (string, GradientCompression)[] Compressions =
        [("none", GradientCompression.None), ("threshold", GradientCompression.Threshold), ("one_bit", GradientCompression.OneBit)];

    /// <summary>The strategy.</summary>
    public SynchronizationKind Kind { get; init; }

    /// <summary>average: steps from one averaging to the next, see <see cref="PeriodSchedule"/>.</summary>
    public string Period { get; init; } = "5";

    /// <summary>average: steps from one averaging inside a node to the next; 0 for none.</summary>
    public int NodePeriod { get; init; }

    /// <summary>Ranks of a node: consecutive ones; 0 takes those that share a machine.</summary>
    public int NodeSize { get; init; }

    /// <summary>average: what becomes of the optimizer's states.</summary>
    public UpdaterState UpdaterState { get; init; }

    /// <summary>average: what is made of the averaged parameters, see <see cref="OuterOptimizer.Parse"/>.</summary>
    public NamedOptions Outer { get; init; } = new("mean");

    /// <summary>Sums in an order that depends on the number of ranks alone, not on the library or on where ranks run.</summary>
    public bool Deterministic { get; init; }

    /// <summary>Parts that the samples of a step are worked on in, one after the other: memory for time.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>gradients: the numbers on the wire.</summary>
    public WireFormat Wire { get; init; }

    /// <summary>gradients: what is sent of them.</summary>
    public GradientCompression Compression { get; init; }

    /// <summary>gradients: τ of <see cref="GradientCompression.Threshold"/>, &gt; 0.</summary>
    public float Threshold { get; init; } = 1e-3f;

    /// <summary>gradients: bytes of a bucket that travels while the backward pass goes on.</summary>
    public int BucketBytes { get; init; } = 1 << 19;

    /// <summary>downpour: number of servers, the last ranks; each holds its part of the parameters.</summary>
    public int Servers { get; init; } = 1;

    /// <summary>downpour: steps from one fetch of the parameters to the next.</summary>
    public int FetchPeriod { get; init; } = 1;

    /// <summary>downpour: steps from one push of gradients to the next.</summary>
    public int PushPeriod { get; init; } = 1;

    /// <summary>downpour: steps that the first replica trains alone before the others begin.</summary>
    public int WarmStart { get; init; }

    /// <summary>downpour: the server's rule, sgd or adagrad with its learning_rate.</summary>
    public NamedOptions Server { get; init; } = new("adagrad", ("learning_rate", 0.02f));

    /// <summary>downpour: a client that is silent so long is taken for dead, seconds.</summary>
    public float ClientTimeout { get; init; } = 60;

    /// <summary>Names of the strategies.</summary>
    public static IReadOnlyList<string> Names { get; } = Array.ConvertAll(Kinds, kind => kind.Item1);

    /// <summary>Names of the rules for the optimizer's states.</summary>
    public static IReadOnlyList<string> UpdaterStates { get; } = Array.ConvertAll(States, state => state.Item1);

    /// <summary>Names of the numbers on the wire.</summary>
    public static IReadOnlyList<string> WireFormats { get; } = Array.ConvertAll(Wires, wire => wire.Item1);

    /// <summary>Names of the compressions.</summary>
    public static IReadOnlyList<string> CompressionNames { get; } = Array.ConvertAll(Compressions, compression => compression.Item1);

    /// <summary>The strategy's name in a configuration.</summary>
    public string Name => Of(Kinds, Kind);

    /// <summary>The same with some values replaced by what a command line says, as their JSON keys name them; goes through the same checks.</summary>
    /// <exception cref="ConfigurationException">A value out of range.</exception>
    public SynchronizationOptions With(Action<Utf8JsonWriter> replaced)
    {
        using var old = JsonDocument.Parse(JsonBytes.Of(Write));
        using var more = JsonDocument.Parse(JsonBytes.Of(json =>
        {
            json.WriteStartObject();
            replaced(json);
            json.WriteEndObject();
        }));
        using var merged = JsonDocument.Parse(JsonBytes.Of(json =>
        {
            json.WriteStartObject();
            foreach (var property in old.RootElement.EnumerateObject())
                if (!more.RootElement.TryGetProperty(property.Name, out _)) property.WriteTo(json);
            foreach (var property in more.RootElement.EnumerateObject()) property.WriteTo(json);
            json.WriteEndObject();
        }));
        return Read(new ConfigurationObject("synchronization", merged.RootElement));
    }

    internal static SynchronizationOptions Read(ConfigurationObject source)
    {
        var defaults = new SynchronizationOptions();
        var options = new SynchronizationOptions
        {
            Kind = source.Choice("name", SynchronizationKind.Average, Kinds),
            Period = ReadPeriod(source) ?? defaults.Period,
            NodePeriod = source.Integer("node_period", 0, 0),
            NodeSize = source.Integer("node_size", 0, 0),
            UpdaterState = source.Choice("updater_state", UpdaterState.Average, States),
            Outer = source.Named("outer") is var (outer, numbers) ? new NamedOptions(outer, numbers) : defaults.Outer,
            Deterministic = source.Flag("deterministic", false),
            Accumulation = source.Integer("accumulation", 1, 1),
            Wire = source.Choice("wire", WireFormat.Float32, Wires),
            Compression = source.Choice("compression", GradientCompression.None, Compressions),
            Threshold = source.Number("threshold", defaults.Threshold, float.Epsilon),
            BucketBytes = source.Integer("bucket_bytes", defaults.BucketBytes, 4),
            Servers = source.Integer("servers", 1, 1),
            FetchPeriod = source.Integer("fetch_period", 1, 1),
            PushPeriod = source.Integer("push_period", 1, 1),
            WarmStart = source.Integer("warm_start", 0, 0),
            Server = source.Named("server") is var (server, rates) ? new NamedOptions(server, rates) : defaults.Server,
            ClientTimeout = source.Number("client_timeout", defaults.ClientTimeout, 1),
        };
        source.End();
        options.Require(source);
        return options;
    }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("name", Name);
        if (int.TryParse(Period, out var steps)) json.WriteNumber("period", steps);
        else json.WriteString("period", Period);
        json.WriteNumber("node_period", NodePeriod);
        json.WriteNumber("node_size", NodeSize);
        json.WriteString("updater_state", Of(States, UpdaterState));
        Write(json, "outer", Outer);
        json.WriteBoolean("deterministic", Deterministic);
        json.WriteNumber("accumulation", Accumulation);
        json.WriteString("wire", Of(Wires, Wire));
        json.WriteString("compression", Of(Compressions, Compression));
        json.WriteNumber("threshold", Threshold);
        json.WriteNumber("bucket_bytes", BucketBytes);
        json.WriteNumber("servers", Servers);
        json.WriteNumber("fetch_period", FetchPeriod);
        json.WriteNumber("push_period", PushPeriod);
        json.WriteNumber("warm_start", WarmStart);
        Write(json, "server", Server);
        json.WriteNumber("client_timeout", ClientTimeout);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string key, NamedOptions named)
    {
        var options = new List<(string, float)>();
        foreach (var (name, value) in named.Options) options.Add((name, value));
        NamedOptions.Write(json, key, named.Name, options);
    }

    private static string? ReadPeriod(ConfigurationObject source) => source.Take("period") switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
        { } other => throw source.Fail("expected period as a number of steps or a schedule such as '1x200,5x1000,20'", RawFileException.Quote(other.GetRawText())),
    };

    private void Require(ConfigurationObject source)
    {
        try
        {
            PeriodSchedule.Parse(Period);
            OuterOptimizer.Parse(Outer, ranks: 1);
            ServerRule.Parse(Server);
        }
        catch (ArgumentException e)
        {
            throw new ConfigurationException($"{source.Place}: {e.Message}", e);
        }
        if (Wire != WireFormat.Float32 && Compression != GradientCompression.None)
            throw source.Fail("expected wire float32 beside a compression, which has its own numbers", Of(Wires, Wire));
    }

    private static string Of<T>((string Name, T Value)[] choices, T value)
    {
        foreach (var (name, choice) in choices)
            if (EqualityComparer<T>.Default.Equals(choice, value)) return name;
        throw new ArgumentOutOfRangeException(nameof(value), value, null);
    }
}
