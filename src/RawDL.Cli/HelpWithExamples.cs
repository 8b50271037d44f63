using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace RawDL.Cli;

/// <summary>A command with lines to copy; the help shows them.</summary>
internal sealed class ExampleCommand(string name, string description, params string[] examples) : Command(name, description)
{
    public IReadOnlyList<string> Examples { get; } = examples;
}

/// <summary>The usual help, and below it the examples of the command.</summary>
internal sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
{
    private static readonly string[] RootExamples = ["rawdl train", "rawdl train --data mnist --epochs 3", "rawdl doctor"];

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        help.Invoke(parseResult);
        var examples = parseResult.CommandResult.Command switch
        {
            ExampleCommand command => command.Examples,
            RootCommand => RootExamples,
            _ => [],
        };
        if (examples.Count == 0) return 0;
        var output = parseResult.InvocationConfiguration.Output;
        output.WriteLine("Examples:");
        foreach (var example in examples) output.WriteLine($"  {example}");
        output.WriteLine();
        return 0;
    }
}
