using System.Globalization;

namespace RawDL.Spark;

/// <summary>The release of the Spark at the other end.</summary>
/// <param name="Major">3 or 4.</param>
/// <param name="Minor">The line of releases.</param>
/// <param name="Text">All of it, as Spark tells.</param>
public readonly record struct SparkVersion(int Major, int Minor, string Text)
{
    /// <summary>Reads a text such as <c>3.5.9</c> or <c>4.1.0-SNAPSHOT</c>.</summary>
    /// <exception cref="SparkProtocolException">The text is no version.</exception>
    public static SparkVersion Parse(string text)
    {
        var parts = text.Split('.', 3);
        return parts.Length == 3 && Number(parts[0]) is { } major && Number(parts[1]) is { } minor
            ? new SparkVersion(major, minor, text)
            : throw new SparkProtocolException($"Spark's version: expected a text such as 3.5.9, got '{text}'");

        static int? Number(string part) => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    /// <summary>True for this line of releases and newer ones.</summary>
    public bool IsAtLeast(int major, int minor) => (Major, Minor).CompareTo((major, minor)) >= 0;

    /// <inheritdoc/>
    public override string ToString() => Text;
}
