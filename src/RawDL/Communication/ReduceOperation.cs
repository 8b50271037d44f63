namespace RawDL;

/// <summary>How the elements of all ranks become one. With NaN among them, minimum and maximum are unspecified: reduce a flag instead.</summary>
public enum ReduceOperation
{
    /// <summary>x₀ + x₁ + … + x₍N₋₁₎.</summary>
    Sum,

    /// <summary>The smallest.</summary>
    Min,

    /// <summary>The largest.</summary>
    Max,
}
