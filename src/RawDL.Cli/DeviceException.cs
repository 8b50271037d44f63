namespace RawDL.Cli;

/// <summary>A device that is not there: one line, exit code 4.</summary>
internal sealed class DeviceException(string message) : Exception(message);
