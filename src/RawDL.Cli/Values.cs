using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace RawDL.Cli;

/// <summary>Options with one value, checked while the line is parsed: <c>--epochs: expected …, got …</c>.</summary>
internal static class Values
{
    private const int MaximumPathLength = 4096;

    public static Option<int?> Integer(string name, string help, int minimum, int maximum) => new(name)
    {
        Description = help,
        HelpName = "N",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result => (int?)ParseInteger(result, name, minimum, maximum),
    };

    public static Option<long?> Long(string name, string help, long minimum, long maximum) => new(name)
    {
        Description = help,
        HelpName = "N",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result => ParseInteger(result, name, minimum, maximum),
    };

    /// <summary>A finite number above <paramref name="above"/> and at most <paramref name="maximum"/>.</summary>
    public static Option<float?> Number(string name, string help, float above, float maximum) => new(name)
    {
        Description = help,
        HelpName = "X",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (text.Length <= 64 && float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value > above && value <= maximum) return value;
            return Refuse<float?>(result, name, string.Create(CultureInfo.InvariantCulture, $"a number above {above} and at most {maximum}"));
        },
    };

    /// <summary>Extents from 1, separated by commas.</summary>
    public static Option<Shape?> Shape(string name, string help) => new(name)
    {
        Description = help,
        HelpName = "C,H,W",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            var parts = result.Tokens[0].Value.Split(',', RawDL.Shape.MaxRank);
            var extents = new int[parts.Length];
            var elements = 1L;
            for (var i = 0; i < parts.Length; i++)
            {
                if (i == RawDL.Shape.MaxRank - 1 || !int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out extents[i]) || extents[i] < 1 || (elements *= extents[i]) > int.MaxValue)
                    return Refuse<Shape?>(result, name, $"1 to {RawDL.Shape.MaxRank - 1} extents of at least 1 and below 2^31 in all, as 3,32,32");
            }
            return new Shape(extents);
        },
    };

    public static Option<string?> Choice(string name, string help, params string[] choices)
    {
        var option = new Option<string?>(name) { Description = help, HelpName = "NAME", Arity = ArgumentArity.ExactlyOne, CustomParser = result => Choose(result, name, choices) };
        option.CompletionSources.Add(choices);
        return option;
    }

    public static Argument<string?> ChoiceArgument(string name, string help, params string[] choices)
    {
        var argument = new Argument<string?>(name) { Description = help, Arity = ArgumentArity.ExactlyOne, CustomParser = result => Choose(result, name, choices) };
        argument.CompletionSources.Add(choices);
        return argument;
    }

    /// <summary>A text that something else reads.</summary>
    /// <param name="name">With its dashes.</param>
    /// <param name="helpName">What stands for the value in the help.</param>
    /// <param name="help">One sentence.</param>
    /// <param name="check">Throws <see cref="ArgumentException"/> with the line "name: expected …, got …" for a wrong text.</param>
    public static Option<string?> Text(string name, string helpName, string help, Action<string> check) => new(name)
    {
        Description = help,
        HelpName = helpName,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            try
            {
                check(text);
                return text;
            }
            catch (ArgumentException e)
            {
                result.AddError($"--{e.Message}");
                return null;
            }
        },
    };

    /// <summary>The path of a file or folder; whether it exists is the business of who opens it.</summary>
    public static Option<string?> Path(string name, string helpName, string help, bool recursive = false) => new(name)
    {
        Description = help,
        HelpName = helpName,
        Recursive = recursive,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result => ParsePath(result, name),
    };

    /// <summary>Paths given as arguments, at least one.</summary>
    public static Argument<string[]> Paths(string name, string help) => new(name)
    {
        Description = help,
        Arity = ArgumentArity.OneOrMore,
        CustomParser = result =>
        {
            var paths = new string[result.Tokens.Count];
            for (var i = 0; i < paths.Length; i++) paths[i] = CheckPath(result, name, result.Tokens[i].Value) ?? "";
            return paths;
        },
    };

    /// <summary>One path given as an argument.</summary>
    public static Argument<string?> PathArgument(string name, string help, ArgumentArity arity) => new(name)
    {
        Description = help,
        Arity = arity,
        CustomParser = result => result.Tokens.Count == 0 ? null : ParsePath(result, name),
    };

    private static string? Choose(ArgumentResult result, string name, string[] choices)
    {
        var text = result.Tokens[0].Value;
        return choices.Contains(text, StringComparer.Ordinal) ? text : Refuse<string?>(result, name, $"one of {string.Join(", ", choices)}");
    }

    private static string? ParsePath(ArgumentResult result, string name) => CheckPath(result, name, result.Tokens[0].Value);

    private static string? CheckPath(ArgumentResult result, string name, string text)
    {
        if (text.Length is > 0 and <= MaximumPathLength && !text.Contains('\0')) return text;
        result.AddError(text.Length == 0
            ? $"{name}: expected a path, got an empty one."
            : $"{name}: expected a path of at most {MaximumPathLength} characters, got {text.Length}.");
        return null;
    }

    private static long? ParseInteger(ArgumentResult result, string name, long minimum, long maximum)
    {
        var text = result.Tokens[0].Value;
        if (text.Length <= 64 && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= minimum && value <= maximum) return value;
        return Refuse<long?>(result, name, $"an integer from {minimum} to {maximum}");
    }

    private static T? Refuse<T>(ArgumentResult result, string name, string expected)
    {
        result.AddError($"{name}: expected {expected}, got {Message.Quote(result.Tokens[0].Value)}.");
        return default;
    }
}
