using RawDL.NN;

namespace RawDL.Spark;

/// <summary>Bytes that are not Spark's protocol, or a Spark that this program does not know. One line: what was expected, what came.</summary>
/// <param name="message">The line; control characters become '?', long text is cut.</param>
/// <param name="cause">What went wrong below.</param>
public sealed class SparkProtocolException(string message, Exception? cause = null) : CommunicationException(RawFileException.OneLine(message), cause);
