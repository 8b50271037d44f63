namespace RawDL.TestKit;

public static partial class OpCases
{
    /// <summary>Normalisation and dropout.</summary>
    public static IEnumerable<OpCase> Norms => [];
}

public static partial class OpErrors
{
    /// <summary>Normalisation and dropout.</summary>
    public static IEnumerable<OpError> Norms => [];
}
