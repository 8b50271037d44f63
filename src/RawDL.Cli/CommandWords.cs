using System.CommandLine;

namespace RawDL.Cli;

/// <summary>A command line taken apart by the commands and options that there are, before it is judged.</summary>
internal sealed class CommandWords
{
    private readonly List<(Option? Option, string[] Words)> _options = [];

    private CommandWords(Command start) => Command = start;

    /// <summary>The command that the words lead to.</summary>
    public Command Command { get; private set; }

    /// <summary>Names of the commands on the way to it, from where reading began.</summary>
    public List<string> Path { get; } = [];

    /// <summary>Options with their values, as written; those that the command does not have are null.</summary>
    public IReadOnlyList<(Option? Option, string[] Words)> Options => _options;

    /// <summary>Words that are no options; with "--" before those that only that word makes operands.</summary>
    public List<string> Operands { get; } = [];

    /// <summary>Where the first operand stands, or the length.</summary>
    public int FirstOperand { get; private set; }

    /// <summary>Takes words apart.</summary>
    /// <param name="root">The program.</param>
    /// <param name="start">The command that the words follow.</param>
    /// <param name="words">The words.</param>
    public static CommandWords Read(RootCommand root, Command start, ReadOnlySpan<string> words)
    {
        var read = new CommandWords(start) { FirstOperand = words.Length };
        var ways = false;
        for (var i = 0; i < words.Length; i++)
        {
            var word = words[i];
            if (word.Length > 1 && word[0] == '-' && word != "--")
            {
                var option = read.Find(root, word, out var joined);
                var count = option is null || joined ? 0 : read.CountValues(root, option, words[(i + 1)..]);
                read._options.Add((option, words.Slice(i, count + 1).ToArray()));
                ways |= option is null;
                i += count;
            }
            else if (!ways && read.Operands.Count == 0 && read.Command.Subcommands.FirstOrDefault(command => command.Name == word) is { } next)
            {
                read.Command = next;
                read.Path.Add(word);
            }
            else
            {
                if (read.Operands.Count == 0) read.FirstOperand = i;
                if (word == "--")
                {
                    read.Operands.AddRange(words[i..]);
                    break;
                }
                read.Operands.Add(word);
            }
        }
        return read;
    }

    /// <summary>The option of a command by a name such as --epochs, its own or one that all commands have.</summary>
    public static Option? Find(RootCommand root, Command command, string name) =>
        command.Options.Concat(root.Options.Where(option => option.Recursive)).FirstOrDefault(option => option.Name == name || option.Aliases.Contains(name));

    private Option? Find(RootCommand root, string word, out bool joined)
    {
        joined = false;
        if (Find(root, Command, word) is { } whole) return whole;
        var end = word.AsSpan().IndexOfAny('=', ':');
        joined = end > 0;
        return joined ? Find(root, Command, word[..end]) : null;
    }

    // As the parser does: an option with one value takes the next word unless that is an option, a flag only "true" or "false".
    private int CountValues(RootCommand root, Option option, ReadOnlySpan<string> next)
    {
        if (option.Arity.MaximumNumberOfValues == 0 || next.Length == 0) return 0;
        if (option.ValueType == typeof(bool)) return next[0] is "true" or "false" ? 1 : 0;
        return next[0] == "--" || Find(root, next[0], out _) is not null ? 0 : 1;
    }
}
