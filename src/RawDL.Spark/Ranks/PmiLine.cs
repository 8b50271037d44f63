using System.Globalization;
using System.Text;

namespace RawDL.Spark;

/// <summary>One line of PMI-1: words KEY=VALUE, of which the one named value runs to the end of the line and may hold blanks.</summary>
internal readonly struct PmiLine(string text)
{
    private const string ValueWord = " value=";

    internal string Command => this["cmd"] ?? "";

    /// <summary>A value, or null where the line has none.</summary>
    internal string? this[string key]
    {
        get
        {
            var at = text.IndexOf(ValueWord, StringComparison.Ordinal);
            if (key == "value") return at < 0 ? null : text[(at + ValueWord.Length)..];
            var head = text.AsSpan(0, at < 0 ? text.Length : at);
            foreach (var range in head.Split(' '))
            {
                var word = head[range];
                if (word.Length > key.Length && word[key.Length] == '=' && word.StartsWith(key, StringComparison.Ordinal)) return word[(key.Length + 1)..].ToString();
            }
            return null;
        }
    }

    internal int? Number(string key) => int.TryParse(this[key], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>A text as a value: a line carries bytes, one to a character.</summary>
    internal static string Wrap(string message) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(message));

    internal static string Unwrap(string value) => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(value));
}
