using System.CommandLine;

namespace RawDL.Cli;

/// <summary>Options that every command takes.</summary>
internal static class GlobalOptions
{
    public static readonly Option<bool> Quiet = new("--quiet", "-q") { Description = "No messages and no progress, only results and errors.", Recursive = true };
    public static readonly Option<bool> Verbose = new("--verbose", "-v") { Description = "Show the stack trace of an error.", Recursive = true };
    public static readonly Option<bool> Json = new("--json") { Description = "The result as one JSON document on standard output.", Recursive = true };
    public static readonly Option<string?> JsonFile = Values.Path("--json-file", "FILE", "Write the result as JSON into this file.", recursive: true);
    public static readonly Option<bool> NoColor = new("--no-color") { Description = "No colours, as with NO_COLOR in the environment.", Recursive = true };

    public static void AddTo(RootCommand root)
    {
        root.Add(Quiet);
        root.Add(Verbose);
        root.Add(Json);
        root.Add(JsonFile);
        root.Add(NoColor);
    }
}
