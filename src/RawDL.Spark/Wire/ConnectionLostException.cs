namespace RawDL.Spark;

/// <summary>The other side closed or reset a connection.</summary>
/// <param name="message">One line: which connection, what was expected.</param>
/// <param name="cause">The socket's own complaint.</param>
public sealed class ConnectionLostException(string message, Exception? cause = null) : CommunicationException(message, cause);
