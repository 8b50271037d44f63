using System.Text;

namespace RawDL.NN;

/// <summary>
/// A file whose bytes are not what its format promises. It is the only exception a reader throws because of what a file holds;
/// a failing disk stays an ordinary <see cref="IOException"/>. The message is one line:
/// <c>PATH: expected …, got … (at byte N)</c>.
/// </summary>
public sealed class RawFileException : IOException
{
    private const int MaxReason = 400;
    private const int MaxQuoted = 80;

    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file, as the user gave it.</param>
    /// <param name="offset">The byte where reading stopped, or null when the whole file is meant.</param>
    /// <param name="reason">What was expected and what came. Control characters become '?', and long text is cut.</param>
    /// <param name="inner">The cause below, if any.</param>
    public RawFileException(string path, long? offset, string reason, Exception? inner = null)
        : base(Compose(path, offset, reason), inner)
    {
        Path = path;
        Offset = offset;
        Reason = OneLine(reason, MaxReason);
    }

    /// <summary>The file, as the user gave it.</summary>
    public string Path { get; }

    /// <summary>The byte where reading stopped, or null when the whole file is meant.</summary>
    public long? Offset { get; }

    /// <summary>What was expected and what came.</summary>
    public string Reason { get; }

    /// <summary>A name from a file, fit for a message: quoted, one line, cut to 80 characters.</summary>
    internal static string Quote(string name) => $"'{OneLine(name, MaxQuoted)}'";

    /// <summary>A path or another's message, fit for a message: one line, cut to 400 characters.</summary>
    internal static string OneLine(string text) => OneLine(text, MaxReason);

    private static string Compose(string path, long? offset, string reason) =>
        $"{OneLine(path, MaxReason)}: {OneLine(reason, MaxReason)}{(offset is { } n ? $" (at byte {n})" : "")}";

    private static string OneLine(string text, int limit)
    {
        var result = new StringBuilder(Math.Min(text.Length, limit) + 1);
        foreach (var c in text)
        {
            if (result.Length == limit)
            {
                result.Append('…');
                break;
            }
            result.Append(char.IsControl(c) || c is '\u2028' or '\u2029' ? '?' : c);
        }
        return result.ToString();
    }
}
