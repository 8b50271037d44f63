using System.CommandLine;
using RawDL.Mpi;

namespace RawDL.Cli;

/// <summary>The one place where the communicator is chosen: the ranks of a launcher, threads of this process, or this process alone.</summary>
internal sealed class World
{
    private const int MostWorkers = 1024;
    private readonly Option<int?> _workers = Values.Integer("--workers", "Ranks as threads of this process; under mpiexec the launcher counts them.", 1, MostWorkers);

    public World() => _workers.Validators.Add(result =>
    {
        if (SparkJob.Current is not null) result.AddError("--workers: expected none under spark-submit, where --shards counts replicas, got one.");
        if (Launcher is { } launcher) result.AddError($"--workers: expected none under {launcher.Name}, which counts the ranks, got one.");
    });

    /// <summary>The launcher of this process; null if it was started alone.</summary>
    public static MpiLauncher? Launcher { get; } = MpiLauncher.Detect();

    /// <summary>True where another rank says what there is to say of the command line.</summary>
    public static bool IsSilent => Launcher is { Rank: > 0 };

    public void AddTo(Command command) => command.Add(_workers);

    /// <summary>Runs the body on every rank. The sessions of all but rank 0 are silent; a failure that only another rank has is told with its number.</summary>
    /// <returns>The exit code: that of the first rank whose code is not 0.</returns>
    public int Run(ParseResult parsed, Func<Session, ICommunicator, int> body)
    {
        if (Launcher is not null)
            return Mpi.Mpi.Run(new MpiOptions { Report = (exception, rank) => Report(parsed, exception, rank) }, communicator => body(Session.Open(parsed, communicator.Rank), communicator));
        if (parsed.GetValue(_workers) is not { } workers) return body(Session.Open(parsed), new SoloCommunicator());
        var codes = new int[workers];
        InProcessCommunicator.Run(workers, communicator => codes[communicator.Rank] = body(Session.Open(parsed, communicator.Rank), communicator));
        return Array.Find(codes, code => code != 0);
    }

    /// <summary>The ranks in words: how many, and what connects them.</summary>
    public static string Describe(ICommunicator communicator) => communicator switch
    {
        MpiCommunicator mpi => $"{Count(mpi.Size)} of {mpi.LibraryVersion}",
        InProcessCommunicator threads => $"{Count(threads.Size)} as threads",
        _ => Count(communicator.Size),
    };

    /// <summary>A moment for rank 0 to say the same. Its end makes the launcher end the others: true if that has begun.</summary>
    public static bool WaitForRankZero(TimeSpan patience) => Signals.Stop.WaitHandle.WaitOne(patience);

    /// <summary>Says what failed on a rank, and on which unless it is rank 0.</summary>
    public static ExitCode Tell(ParseResult parsed, Exception exception, int rank)
    {
        using var text = new StringWriter();
        var code = Failure.Report(exception, [.. parsed.Tokens.Select(token => token.Value)], parsed.GetValue(GlobalOptions.Verbose), text);
        parsed.InvocationConfiguration.Error.Write(rank == 0 ? text.ToString() : $"rank {rank}: {text}");
        parsed.InvocationConfiguration.Error.Flush();
        return code;
    }

    private static string Count(int size) => size == 1 ? "1 rank" : $"{size} ranks";

    // What is wrong with MPI before any call is so for all ranks of a machine, and one of them says it.
    private static bool IsFirstOfMachine =>
        ((string[])["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"]).Select(Environment.GetEnvironmentVariable).FirstOrDefault(text => text is not null) is null or "0";

    private static int Report(ParseResult parsed, Exception exception, int rank)
    {
        if (rank == 0) return (int)Tell(parsed, exception, rank);
        if (WaitForRankZero(TimeSpan.FromSeconds(1)) || (exception is MpiException { Call: "" } && !IsFirstOfMachine)) return (int)Failure.CodeOf(exception);
        return (int)Tell(parsed, exception, rank);
    }
}
