using System.Runtime.CompilerServices;

namespace RawDL.MpiRank;

internal static class Check
{
    public static void That(bool condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        if (!condition) throw new InvalidOperationException("expected " + what);
    }

    /// <summary>Compares with the value that a formula gives for each index.</summary>
    public static void Values<T>(ReadOnlySpan<T> values, Func<int, double> expected, string what) where T : unmanaged, System.Numerics.INumber<T>
    {
        for (var i = 0; i < values.Length; i++)
            if (values[i] != T.CreateChecked(expected(i)))
                throw new InvalidOperationException($"{what} [{i}] of {values.Length}: expected {expected(i)}, got {values[i]}");
    }
}
