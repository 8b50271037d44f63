namespace RawDL;

/// <summary>A request whose operation was done when it was made.</summary>
public sealed class CompletedRequest : ICommunicationRequest
{
    /// <inheritdoc/>
    public bool Test() => true;

    /// <inheritdoc/>
    public void Wait() { }
}
