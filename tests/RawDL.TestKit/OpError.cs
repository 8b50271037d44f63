namespace RawDL.TestKit;

/// <summary>A wrong use of an operation and the full message that it must be met with.</summary>
public sealed record OpError(string Name, Func<Tape, Tensor> Apply, string Message)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}
