namespace RawDL.TestKit;

public static partial class OpCases
{
    /// <summary>Matrix products, convolution and pooling.</summary>
    public static IEnumerable<OpCase> Products => [];
}

public static partial class OpErrors
{
    /// <summary>Matrix products, convolution and pooling.</summary>
    public static IEnumerable<OpError> Products => [];
}
