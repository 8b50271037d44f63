namespace RawDL.TestKit;

/// <summary>The table of operations. It drives the tests and the program's self-test on any device.</summary>
public static partial class OpCases
{
    /// <summary>Every row.</summary>
    public static IEnumerable<OpCase> All => [.. Elementwise, .. Products, .. Norms, .. Classification];
}

/// <summary>The table of wrong uses and their messages.</summary>
public static partial class OpErrors
{
    /// <summary>Every row.</summary>
    public static IEnumerable<OpError> All => [.. Elementwise, .. Products, .. Norms, .. Classification];
}
