using System.Globalization;
using RawDL.Cuda;
using RawDL.NN;
using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>From an exception to an exit code and its lines.</summary>
internal static class Failure
{
    public static ExitCode Report(Exception exception, string[] args, bool verbose, TextWriter error)
    {
        var code = CodeOf(exception);
        if (code == ExitCode.Bug)
        {
            error.WriteLine($"rawdl: unexpected {exception.GetType().Name}: {Message.OneLine(exception.Message, 300)}");
            error.WriteLine(WriteReport(exception, args) is { } path ? $"Please report it with {path}." : "Please report it with the output of the same command and -v.");
        }
        else
        {
            error.WriteLine($"rawdl: {Message.OneLine(exception is OutOfMemoryException ? "memory: expected room for the network and its data, got none; try a smaller --batch" : exception.Message, 600)}");
        }
        if (verbose) error.WriteLine(exception);
        return code;
    }

    public static ExitCode CodeOf(Exception exception) => exception switch
    {
        UsageException or ConfigurationException or ArgumentException or RunFolderException => ExitCode.Usage,
        TrainingDivergedException => ExitCode.Diverged,
        ReplicaException => ExitCode.Replica,
        CommunicationException or JavaException => ExitCode.Communication,
        OperationCanceledException => Signals.Code,
        CudaException or OutOfMemoryException => ExitCode.Device,
        RawFileException or EndOfStreamException or InvalidDataException => ExitCode.Data,
        // A file that is not found is a folder to write into: readers say so by RawFileException.
        IOException or UnauthorizedAccessException => ExitCode.InputOutput,
        _ => ExitCode.Bug,
    };

    private static string? WriteReport(Exception exception, string[] args)
    {
        var path = Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"rawdl-{DateTime.UtcNow:yyyyMMdd-HHmmss}-{Environment.ProcessId}.txt"));
        try
        {
            using var file = new StreamWriter(new FileStream(path, FileMode.CreateNew));
            file.WriteLine($"{ProgramVersion.Text}\n{ProgramVersion.Platform}\nrawdl {Message.OneLine(string.Join(' ', args), 2000)}\n\n{exception}");
            return path;
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
