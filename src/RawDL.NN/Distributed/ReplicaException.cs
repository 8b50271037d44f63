namespace RawDL.NN;

/// <summary>Replicas that should hold the same values do not: silent corruption, or ranks that run something else.</summary>
/// <param name="message">One line: expected …, got ….</param>
public sealed class ReplicaException(string message) : CommunicationException(message);
