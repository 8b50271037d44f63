using System.Globalization;

namespace RawDL.Mpi;

/// <summary>How MPI is started.</summary>
public sealed record MpiOptions
{
    private const string TimeoutVariable = "RAWDL_MPI_TIMEOUT";

    /// <summary>
    /// What the program's threads do; it is asked of the library, and less is an error. Any level above <see cref="MpiThreadLevel.Single"/> makes Open MPI
    /// take locks, the higher ones no more than the lower: an allreduce of one float between two ranks of 4.1.4 takes 0.67 instead of 0.43 microseconds,
    /// from C as from here (medians; AMD EPYC, 2 cores, 25 Nov 2026).
    /// </summary>
    public MpiThreadLevel ThreadLevel { get; init; } = MpiThreadLevel.Serialized;

    /// <summary>
    /// A rank that waits this long in one MPI call takes the others for lost and aborts them all. Null: RAWDL_MPI_TIMEOUT in seconds, or 30 minutes.
    /// Zero: waits for ever. It must exceed the longest lawful wait, such as for the slowest rank between two averagings.
    /// </summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>
    /// Tells the user of an exception that ends the run, and gives the exit code, 1 to 255. The number is the rank. All ranks are aborted
    /// when it returns: a rank that knows less than another of a failure that all see can sleep here, so that the other is heard.
    /// </summary>
    public Func<Exception, int, int> Report { get; init; } = static (exception, rank) =>
    {
        Console.Error.WriteLine($"rank {rank}: {(exception is CommunicationException ? exception.Message : exception)}");
        return 1;
    };

    internal TimeSpan EffectiveTimeout()
    {
        if (Timeout is { } given) return given;
        var text = Environment.GetEnvironmentVariable(TimeoutVariable);
        if (string.IsNullOrEmpty(text)) return TimeSpan.FromMinutes(30);
        if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) || seconds > 1e8)
            throw new MpiException($"{TimeoutVariable}: expected seconds from 0 to 100000000, got \"{text}\"");
        return TimeSpan.FromSeconds(seconds);
    }
}
