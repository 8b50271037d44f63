using System.Text;

namespace RawDL.Cli;

/// <summary>Text that came from outside, made fit for one line of a terminal.</summary>
internal static class Message
{
    /// <summary>No line breaks, no control characters, at most <paramref name="length"/> characters.</summary>
    public static string OneLine(string text, int length)
    {
        var line = new StringBuilder(Math.Min(text.Length, length) + 1);
        foreach (var character in text)
        {
            if (line.Length >= length) return line.Append('…').ToString();
            line.Append(char.IsControl(character) ? '?' : character);
        }
        return line.ToString();
    }

    /// <summary>A value as given, in quotes, short.</summary>
    public static string Quote(string value) => $"'{OneLine(value, 40)}'";
}
