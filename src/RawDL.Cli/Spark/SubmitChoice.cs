using System.CommandLine;
using System.CommandLine.Parsing;

namespace RawDL.Cli;

/// <summary>The options of <c>rawdl submit</c>: its own and those that it hands to spark-submit.</summary>
internal sealed class SubmitChoice
{
    private const int MaximumLength = 4096;

    private readonly Option<string?> _master = Values.Text("--master", "MASTER", "local[N], local-cluster[N,cores,MB], spark://HOST:PORT, yarn or k8s://URL; by default what Spark is set up for.", text => SubmitRequest.KindOf(text));
    private readonly Option<string?> _deploy = Values.Choice("--deploy-mode", "Where the driver runs: here, or in the cluster.", "client", "cluster");

    private readonly Option<string[]> _settings = new("--conf")
    {
        Description = "A setting of Spark; may be given again.",
        HelpName = "KEY=VALUE",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        CustomParser = ParseSettings,
    };

    private readonly Option<string?> _properties = Values.Path("--properties-file", "FILE", "Settings of Spark in a file, which keeps secrets off the command line.");
    private readonly Option<string?> _files = Text("--files", "Files for every executor, separated by commas.");
    private readonly Option<string?> _archives = Text("--archives", "Archives that every executor unpacks, separated by commas.");
    private readonly Option<string?> _memory = Values.Text("--executor-memory", "SIZE", "Heap of an executor's JVM, as 4g; rawdl works outside it.", text => SubmitRequest.ParseMebibytes("executor-memory", text));

    private readonly Option[] _passed =
    [
        Text("--name", "The application's name."),
        Values.Integer("--num-executors", "Executors, for YARN and Kubernetes.", 1, 100_000),
        Values.Integer("--executor-cores", "Cores of an executor.", 1, 100_000),
        Values.Integer("--total-executor-cores", "Cores of all executors, for a standalone cluster.", 1, 10_000_000),
        Values.Text("--driver-memory", "SIZE", "Heap of the driver's JVM.", text => SubmitRequest.ParseMebibytes("driver-memory", text)),
        Values.Integer("--driver-cores", "Cores of a driver in the cluster.", 1, 100_000),
        Text("--queue", "YARN's queue."), Text("--jars", "Jars, separated by commas."), Text("--packages", "Maven coordinates of jars, separated by commas."),
        Text("--exclude-packages", "Coordinates to leave out."), Text("--repositories", "Where else packages are."),
        Text("--driver-java-options", "Options of the driver's JVM."), Text("--driver-class-path", "Class path of the driver's JVM."), Text("--driver-library-path", "Library path of the driver's JVM."),
        Text("--principal", "Kerberos principal."), Values.Path("--keytab", "FILE", "Kerberos keytab."), Text("--proxy-user", "Who the application acts for."),
    ];

    private readonly Option<bool> _ship = new("--ship") { Description = "Send this program to the executors; YARN always gets it unless --program is given." };
    private readonly Option<string?> _program = Values.Path("--program", "FILE", $"Where the cluster's machines have rawdl; {SubmitPlan.ImagePath} in an image of Kubernetes.");
    private readonly Option<string?> _job = Values.Path("--job", "FILE", "A job description, FILE.py, with default words; an empty one by default.");

    private readonly Argument<string[]> _words = new("words") { Description = "The command for rawdl, with its options; from its first word on, or from -- on, nothing is read as an option of submit.", Arity = ArgumentArity.ZeroOrMore };

    /// <summary>The Spark to use.</summary>
    public Option<string?> Home { get; } = Values.Path("--spark-home", "DIR", "The Spark to use; that of SPARK_HOME, or of spark-submit on the PATH, by default.");

    /// <summary>Print and do nothing.</summary>
    public Option<bool> DryRun { get; } = new("--dry-run") { Description = "Print the line and run nothing." };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_master, _deploy, Home, DryRun, _ship, _program, _job, _settings, _properties, _files, _archives, _memory, .. _passed]) command.Add(option);
        command.Add(_words);
    }

    /// <summary>What was asked for.</summary>
    public SubmitRequest Read(ParseResult parsed, SparkHome spark, Func<string, string?> variable)
    {
        var passed = new List<string>();
        foreach (var option in (Option[])[_properties, _memory, .. _passed])
            if (parsed.GetResult(option) is { Implicit: false, Tokens: [.., var value] }) passed.AddRange([option.Name, value.Value]);
        var settings = new List<string>(parsed.GetValue(_settings) ?? []);
        var defaults = parsed.GetValue(_properties) is { } file ? SparkProperties.Read(file) : spark.ReadDefaults(variable);
        // Options of the line count more than settings: what is asked of settings later must see them.
        if (parsed.GetValue(_memory) is { } memory) defaults = new Dictionary<string, string>(defaults) { ["spark.executor.memory"] = memory };
        return new SubmitRequest
        {
            Master = parsed.GetValue(_master),
            DeployMode = parsed.GetValue(_deploy),
            Settings = settings,
            Defaults = defaults,
            Passed = passed,
            Files = parsed.GetValue(_files),
            Archives = parsed.GetValue(_archives),
            Ship = parsed.GetValue(_ship),
            Program = parsed.GetValue(_program),
            Job = parsed.GetValue(_job),
            Words = parsed.GetValue(_words) ?? [],
            Variable = variable,
        };
    }

    private static Option<string?> Text(string name, string help) => Values.Text(name, "TEXT", help, text =>
    {
        if (text.Length is 0 or > MaximumLength || text.Any(char.IsControl)) throw new ArgumentException($"{name.TrimStart('-')}: expected 1 to {MaximumLength} characters without line breaks, got {(text.Length == 0 ? "none" : $"{text.Length} characters")}.");
    });

    private static string[]? ParseSettings(ArgumentResult result)
    {
        foreach (var token in result.Tokens)
        {
            var key = token.Value.AsSpan(0, Math.Max(0, token.Value.IndexOf('=')));
            if (key.StartsWith("spark.", StringComparison.Ordinal) && key.Length > 6 && token.Value.Length <= MaximumLength && !token.Value.Any(char.IsControl)) continue;
            // Not the value: it may be a secret.
            result.AddError($"--conf: expected spark.KEY=VALUE of at most {MaximumLength} characters, got {(key.Length == 0 ? Message.Quote(token.Value) : $"the key {Message.Quote(key.ToString())} and {token.Value.Length} characters")}.");
            return null;
        }
        return [.. result.Tokens.Select(token => token.Value)];
    }
}
