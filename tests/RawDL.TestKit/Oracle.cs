namespace RawDL.TestKit;

/// <summary>Naive loops in double: what the operations mean.</summary>
public static partial class Oracle
{
    /// <summary>f of each element.</summary>
    public static double[] Map(double[] x, Func<double, double> f) => Array.ConvertAll(x, v => f(v));
}
