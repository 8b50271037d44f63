namespace RawDL;

/// <summary>Shapes that do not fit an operation. The message names the operation, what it expected and what came, with full shapes.</summary>
public sealed class ShapeException : ArgumentException
{
    /// <summary>Creates the exception with one line: <c>Op: expected …, got …</c>.</summary>
    public ShapeException(string message) : base(message) { }
}
