using System.Text;

namespace RawDL.Cli;

/// <summary>Words as a POSIX shell reads and needs them, without expansions.</summary>
internal static class ShellWords
{
    /// <summary>The words of a text: quotes, backslashes and comments as in a shell, every line break a space.</summary>
    /// <exception cref="FormatException">A quote stays open; the message names its line.</exception>
    public static List<string> Split(string text)
    {
        var words = new List<string>();
        StringBuilder? word = null;
        var line = 1;
        for (var i = 0; i < text.Length; i++)
        {
            var character = text[i];
            if (character == '\n') line++;
            if (char.IsWhiteSpace(character))
            {
                if (word is not null) words.Add(word.ToString());
                word = null;
            }
            else if (character == '#' && word is null)
            {
                while (i + 1 < text.Length && text[i + 1] != '\n') i++;
            }
            else if (character == '\\')
            {
                // Before a line break it joins two lines, which may end with CR and LF.
                if (i + 2 < text.Length && text[i + 1] == '\r' && text[i + 2] == '\n') i++;
                if (++i == text.Length) throw new FormatException($"a backslash at the end of line {line}");
                if (text[i] == '\n') line++;
                else (word ??= new()).Append(text[i]);
            }
            else if (character is '\'' or '"')
            {
                i = ReadQuoted(text, i, line, word ??= new());
            }
            else
            {
                (word ??= new()).Append(character);
            }
        }
        if (word is not null) words.Add(word.ToString());
        return words;
    }

    /// <summary>A word that a shell reads as this text.</summary>
    public static string Quote(string text) =>
        text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=,@%+".Contains(c, StringComparison.Ordinal)) ? text : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>A line that a shell reads as these words.</summary>
    public static string Join(IEnumerable<string> words) => string.Join(' ', words.Select(Quote));

    private static int ReadQuoted(string text, int start, int line, StringBuilder word)
    {
        var quote = text[start];
        for (var i = start + 1; i < text.Length && text[i] != '\n'; i++)
        {
            if (text[i] == quote) return i;
            if (quote == '"' && text[i] == '\\' && i + 1 < text.Length && text[i + 1] is '"' or '\\' or '$' or '`') i++;
            word.Append(text[i]);
        }
        throw new FormatException($"an open {(quote == '"' ? "double" : "single")} quote in line {line}");
    }
}
