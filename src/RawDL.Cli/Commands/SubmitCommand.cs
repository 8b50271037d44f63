using System.CommandLine;
using System.Text.Json;

namespace RawDL.Cli;

/// <summary><c>rawdl submit</c>: the line of spark-submit that makes this program driver and executors of a stock Spark, printed and run.</summary>
internal static class SubmitCommand
{
    private const string Name = "submit";

    public static Command Create()
    {
        var choice = new SubmitChoice();
        var command = new ExampleCommand(Name, "Run a command of rawdl as a Spark application: print the line of spark-submit and run it.",
            "rawdl submit --master 'local-cluster[2,1,1024]' -- train --data mnist --epochs 3", "rawdl submit --master spark://host:7077 --ship -- train --data mnist --spark-mode ranks",
            "rawdl submit --master yarn --deploy-mode cluster --num-executors 4 -- train --data hdfs:///data/mnist --out hdfs:///runs/1",
            "rawdl submit --master k8s://https://host:6443 --deploy-mode cluster --conf spark.kubernetes.container.image=registry/rawdl --dry-run -- train --data mnist");
        choice.AddTo(command);
        command.SetAction(parsed => Run(parsed, choice));
        return command;
    }

    /// <summary>Puts "--" before the first word that belongs to the submitted command, so that none of its options are taken for those of submit.</summary>
    public static string[] Separate(RootCommand root, string[] args)
    {
        var read = CommandWords.Read(root, root, args);
        return read.Path is [Name] && read.Operands is [not "--", ..] ? [.. args[..read.FirstOperand], "--", .. args[read.FirstOperand..]] : args;
    }

    private static int Run(ParseResult parsed, SubmitChoice choice)
    {
        var session = Session.Open(parsed);
        Func<string, string?> variable = Environment.GetEnvironmentVariable;
        var spark = SparkHome.Find(parsed.GetValue(choice.Home), variable);
        var request = choice.Read(parsed, spark, variable);
        RequireWords(request);
        if (parsed.GetValue(choice.DryRun)) return Show(session, spark, SubmitPlan.Create(spark, request, RawdlProgram.Find(), ""), variable);
        // spark-env.sh of Spark may set JAVA_HOME.
        if (JavaHome.Find(variable) is null && !File.Exists(Path.Combine(spark.Folder, "conf", "spark-env.sh")))
            throw new UsageException($"Java: expected {JavaHome.Required(spark.Version).Text} in JAVA_HOME or on the PATH for Spark {spark.Version}, got none");
        var folder = Directory.CreateTempSubdirectory("rawdl-submit-").FullName;
        try
        {
            var plan = SubmitPlan.Create(spark, request, RawdlProgram.Find(), folder);
            foreach (var warning in plan.Warnings) session.Warn(warning);
            session.Say(plan.Show(variable));
            session.Error.Flush();
            return SubmitProcess.Run(spark, plan);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void RequireWords(SubmitRequest request)
    {
        var root = Application.CreateRoot();
        var words = CommandWords.Read(root, root, [.. request.Words]);
        if (request.Words.Count == 0 && request.Job is null) throw new UsageException("submit: expected a command of rawdl behind --, such as -- train --data mnist, or --job FILE; got neither.");
        if (words.Path.Count == 0 && request.Job is null && words.Operands is [var first, ..]) throw new UsageException($"submit: expected a command of rawdl behind --, such as train, got {Message.Quote(first)}.");
    }

    private static int Show(Session session, SparkHome spark, SubmitPlan plan, Func<string, string?> variable)
    {
        foreach (var warning in plan.Warnings) session.Warn(warning);
        if (plan.EmptyJob is { } job) session.Say($"The line needs an empty file {job} here.");
        if (plan.Archive is { } archive) session.Say($"The line needs an archive here: tar -C {ShellWords.Quote(plan.ArchivedFolder)} -czf {archive} .");
        session.Emit(
            json =>
            {
                json.WriteStartObject();
                json.WriteString("spark_home", spark.Folder);
                if (spark.Version is { } version) json.WriteString("spark_version", version.Text);
                WriteWords(json, "command", [spark.Submit, .. plan.Shown]);
                WriteWords(json, "warnings", plan.Warnings);
                json.WriteEndObject();
            },
            text => text.WriteLine(plan.Show(variable)));
        return (int)ExitCode.Ok;
    }

    private static void WriteWords(Utf8JsonWriter json, string name, IEnumerable<string> words)
    {
        json.WriteStartArray(name);
        foreach (var word in words) json.WriteStringValue(word);
        json.WriteEndArray();
    }
}
