using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using RawDL.Mpi;

namespace RawDL.Cli;

/// <summary>The tree of commands, and how a call of it ends: one exit code, at most three lines of complaint.</summary>
internal static class Application
{
    private const int MaximumLineLength = 300;
    private static readonly TimeSpan RankZeroPatience = TimeSpan.FromSeconds(10);

    public static ExitCode Run(string[] args, TextWriter output, TextWriter error)
    {
        var root = CreateRoot();
        args = SubmitCommand.Separate(root, args);
        // No response files: a path may begin with '@'.
        var parsed = root.Parse(args.Length == 0 ? ["--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (World.IsSilent && parsed.Action is ParseErrorAction or HelpWithExamples)
        {
            // All have the same line. Open MPI's launcher ends all at the first exit code that is not 0: let it be that of rank 0, which may start late.
            if (parsed.Action is ParseErrorAction && World.Launcher is { Family: MpiFlavor.OpenMpi }) World.WaitForRankZero(RankZeroPatience);
            (output, error) = (TextWriter.Null, TextWriter.Null);
        }
        if (parsed.Action is ParseErrorAction wrongUse) return Complain(parsed, wrongUse, error);
        using var signals = new Signals();
        try
        {
            return (ExitCode)parsed.Invoke(new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false });
        }
        catch (Exception exception)
        {
            return Failure.Report(exception, args, parsed.GetValue(GlobalOptions.Verbose), error);
        }
    }

    /// <summary>All commands with their options.</summary>
    public static RootCommand CreateRoot()
    {
        var root = new RootCommand("RawDL trains neural networks: from the pixels to the report, on this machine's processor.")
        {
            TrainCommand.Create(), EvalCommand.Create(), PredictCommand.Create(), NetCommand.Create(), DataCommand.Create(), DevicesCommand.Create(),
            SelfTestCommand.Create(), BenchCommand.Create(), PlanCommand.Create(), KernelsCommand.Create(), SubmitCommand.Create(), DoctorCommand.Create(), VersionCommand.Create(), CompletionsCommand.Create(),
        };
        GlobalOptions.AddTo(root);
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        root.SetAction(parsed => help.Action is SynchronousCommandLineAction show ? show.Invoke(parsed) : 0);
        return root;
    }

    // The first complaint, that about an option before others, and the parser's best guess; without the help that it would add.
    private static ExitCode Complain(ParseResult parsed, ParseErrorAction action, TextWriter error)
    {
        using var guesses = new StringWriter();
        action.ShowHelp = false;
        parsed.InvocationConfiguration.Error = TextWriter.Null;
        parsed.InvocationConfiguration.Output = guesses;
        action.Invoke(parsed);
        var complaint = parsed.Errors.FirstOrDefault(e => e.SymbolResult is OptionResult or ArgumentResult { Parent: OptionResult }) ?? parsed.Errors[0];
        error.WriteLine(Message.OneLine(complaint.Message, MaximumLineLength));
        // "'--epohs' was not matched. Did you mean one of the following?", then one guess a line.
        if (Lines(guesses).Skip(1).FirstOrDefault() is { } guess) error.WriteLine($"Did you mean {Message.OneLine(guess, MaximumLineLength)}?");
        error.WriteLine($"See '{CommandPath(parsed.CommandResult.Command)} --help'.");
        return ExitCode.Usage;
    }

    private static string[] Lines(StringWriter text) =>
        text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static string CommandPath(Command command)
    {
        var parent = command.Parents.OfType<Command>().FirstOrDefault();
        return parent is null ? "rawdl" : $"{CommandPath(parent)} {command.Name}";
    }
}
