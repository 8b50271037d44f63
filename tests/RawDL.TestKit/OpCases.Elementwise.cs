namespace RawDL.TestKit;

public static partial class OpCases
{
    /// <summary>Functions of one and of two operands.</summary>
    public static IEnumerable<OpCase> Elementwise =>
    [
        new("relu", [new(3, 7)], x => x[0].Relu(), x => Oracle.Map(x[0], v => v > 0 ? v : 0)) { Kinks = [0f] },
    ];
}

public static partial class OpErrors
{
    /// <summary>Functions of one and of two operands.</summary>
    public static IEnumerable<OpError> Elementwise => [];
}
