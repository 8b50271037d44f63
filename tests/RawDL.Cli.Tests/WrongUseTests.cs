using System.CommandLine;

namespace RawDL.Cli.Tests;

/// <summary>Every option of every command with every kind of wrong value: exit 2, at most three lines, the option named.</summary>
public sealed class WrongUseTests
{
    private static readonly (string Kind, string? Value)[] Wrongs =
    [
        ("missing", null), ("empty", ""), ("wrong type", "abc"), ("infinity", "Infinity"), ("huge", "1e999"), ("negative", "-1"),
        ("2^63", "9223372036854775808"), ("unicode", "é∞🦊"), ("1 MB", new string('9', 1 << 20)),
    ];

    // A path or a column may be any text; whether there is such a thing is found out when it is opened.
    private static readonly string[] FreeText = ["missing", "empty", "1 MB"];

    [Test]
    public void Every_option_refuses_every_wrong_value()
    {
        var count = 0;
        Assert.Multiple(() =>
        {
            foreach (var (path, command) in Commands(Application.CreateRoot(), []))
                foreach (var option in command.Options.Concat(Application.CreateRoot().Options.Where(o => o.Recursive)).DistinctBy(o => o.Name))
                    foreach (var (kind, value) in Wrongs)
                    {
                        if (option.Arity.MaximumNumberOfValues == 0 || option.ValueType == typeof(bool)) continue;
                        if (TakesAnyText(option) && !FreeText.Contains(kind)) continue;
                        Check([.. path, option.Name, .. value is null ? Array.Empty<string>() : [value]], option.Name, kind);
                        count++;
                    }
        });
        TestContext.Out.WriteLine($"{count} wrong uses");
        Assert.That(count, Is.GreaterThan(50));
    }

    [TestCase("version --sed", "'--sed'")]
    [TestCase("completions", "Required command")]
    [TestCase("completions script csh", "bash, zsh, fish, pwsh")]
    public void Wrong_lines_are_named(string line, string expected)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = Application.Run(line.Split(' '), output, error);
        Assert.That((code, output.ToString()), Is.EqualTo((ExitCode.Usage, "")));
        Assert.That(error.ToString(), Does.Contain(expected));
    }

    [Test]
    public void The_process_exits_with_2()
    {
        var run = Rawdl.Run("version", "--json-file", "");
        Assert.That((run.Code, run.Out), Is.EqualTo((ExitCode.Usage, "")));
        Assert.That(run.Error.Split('\n'), Has.Length.EqualTo(3));
    }

    private static void Check(string[] args, string name, string kind)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = Application.Run(args, output, error);
        var what = $"{string.Join(' ', args.Select(a => Message.OneLine(a, 30)))} ({kind})";
        Assert.That(code, Is.EqualTo(ExitCode.Usage), what);
        Assert.That(output.ToString(), Is.Empty, what);
        Assert.That(error.ToString(), Does.Contain(name), what);
        Assert.That(error.ToString().Count(c => c == '\n'), Is.InRange(1, 3), what);
        Assert.That(error.ToString(), Has.Length.LessThan(900), what);
    }

    private static bool TakesAnyText(Option option) => option.HelpName is "FILE" or "DIR" or "TEXT" or "NAME|PATH" or "COLUMN";

    private static IEnumerable<(string[] Path, Command Command)> Commands(Command command, string[] path)
    {
        yield return (path, command);
        foreach (var child in command.Subcommands)
            foreach (var found in Commands(child, [.. path, child.Name])) yield return found;
    }
}
