namespace RawDL;

/// <summary>A group of ranks cannot go on: a rank failed, ended early, or called another operation than the others.</summary>
public class CommunicationException : Exception
{
    /// <summary>Creates the exception with one line: <c>Operation: expected …, got …</c>.</summary>
    public CommunicationException(string message) : base(message) { }

    /// <summary>As the short form, with what made the group fail.</summary>
    public CommunicationException(string message, Exception? cause) : base(message, cause) { }
}
