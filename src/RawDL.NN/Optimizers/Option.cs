using System.Globalization;

namespace RawDL.NN;

/// <summary>A number that a configuration sets, with its range.</summary>
/// <param name="Name">As in a configuration.</param>
/// <param name="Value">Any; <see cref="Require"/> checks it.</param>
/// <param name="InRange">Whether it may be used.</param>
/// <param name="Expected">The range, {0} for the name.</param>
internal readonly record struct Option(string Name, float Value, bool InRange, string Expected)
{
    internal static Option NotNegative(string name, float value) => new(name, value, value >= 0 && float.IsFinite(value), "{0} >= 0");

    internal static Option Positive(string name, float value) => new(name, value, value > 0 && float.IsFinite(value), "{0} > 0");

    internal static Option PositiveOrInfinite(string name, float value) => new(name, value, value > 0, "{0} > 0");

    internal static Option BelowOne(string name, float value) => new(name, value, value is >= 0 and < 1, "0 <= {0} < 1");

    internal static Option UpToOne(string name, float value) => new(name, value, value is >= 0 and <= 1, "0 <= {0} <= 1");

    /// <summary>The value.</summary>
    /// <exception cref="ArgumentException">Out of range: <c>adam: expected 0 &lt;= beta1 &lt; 1, got 1.5.</c></exception>
    internal float Require(string owner) => InRange ? Value : throw new ArgumentException(
        string.Create(CultureInfo.InvariantCulture, $"{owner}: expected {string.Format(CultureInfo.InvariantCulture, Expected, Name)}, got {Value}."));
}
