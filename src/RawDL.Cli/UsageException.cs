namespace RawDL.Cli;

/// <summary>Options that do not fit each other or the configuration: one line, exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
