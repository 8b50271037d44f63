namespace RawDL.TestKit;

public static partial class OpCases
{
    /// <summary>Softmax, losses, reductions and changes of shape.</summary>
    public static IEnumerable<OpCase> Classification => [];
}

public static partial class OpErrors
{
    /// <summary>Softmax, losses, reductions and changes of shape.</summary>
    public static IEnumerable<OpError> Classification => [];
}
