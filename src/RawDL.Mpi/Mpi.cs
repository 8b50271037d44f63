using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using static RawDL.Mpi.MpiFunctions;

namespace RawDL.Mpi;

/// <summary>The life of MPI in a process: begin, run, and end such that no rank is left waiting.</summary>
public static unsafe class Mpi
{
    private static readonly TimeSpan AbortGrace = TimeSpan.FromSeconds(5);

    // States of s_state, in the order of a good run; Aborting can follow any of the first two.
    private const int Running = 0;
    private const int Finalizing = 1;
    private const int Ended = 2;
    private const int Aborting = 3;

    private static int s_started;
    private static int s_state;

    /// <summary>
    /// Starts MPI, runs <paramref name="body"/> with all ranks, and ends MPI. If the body throws, returns an exit code other than 0, or leaves the
    /// process in another way, all ranks are aborted: MPI_Finalize would wait for ever for those that still expect this one. A single rank just ends.
    /// </summary>
    /// <param name="options">Thread level, patience and how failures are told.</param>
    /// <param name="body">The rank's work; gives its exit code.</param>
    /// <returns>The exit code: the body's, or that of <see cref="MpiOptions.Report"/>. With several ranks and a failure it does not return.</returns>
    /// <exception cref="InvalidOperationException">A second call: MPI cannot start twice in a process.</exception>
    public static int Run(MpiOptions options, Func<MpiCommunicator, int> body)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(body);
        if (Interlocked.Exchange(ref s_started, 1) != 0) throw new InvalidOperationException("Mpi.Run: expected one call in a process, got a second: MPI cannot start twice.");

        var launcher = MpiLauncher.Detect();
        MpiCommunicator? world = null;
        MpiLibrary? library = null;
        int code;
        try
        {
            var timeout = options.EffectiveTimeout();
            library = MpiLibrary.Load(launcher?.Family);
            world = Start(library, options.ThreadLevel);
            if (Mismatch(launcher, world) is { } mismatch) throw new MpiException(mismatch);
            code = RunGuarded(library.Abi, world, timeout, body);
        }
        catch (Exception e)
        {
            code = options.Report(e, world is { Size: > 1 } ? world.Rank : launcher?.Rank ?? 0);
            if (code == 0) code = 1;
        }
        if (code != 0 && world is { Size: > 1 }) Abort(library!.Abi, code);
        if (world is not null) Finish(library!.Abi);
        return code;
    }

    /// <summary>Ends all ranks with this exit code. MPI_Abort itself may hang or return: then this process kills itself, which every launcher notices.</summary>
    [DoesNotReturn]
    internal static void Abort(MpiAbi abi, int code)
    {
        if (Interlocked.Exchange(ref s_state, Aborting) != Aborting)
        {
            Console.Out.Flush();
            Console.Error.Flush();
            new Thread(() =>
            {
                Thread.Sleep(AbortGrace);
                KillThisProcess();
            })
            { IsBackground = true }.Start();
            _ = MPI_Abort(abi.World, code is > 0 and < 256 ? code : 1);
            KillThisProcess();
        }
        Thread.Sleep(Timeout.Infinite);  // Another thread is at it.
        throw new UnreachableException();
    }

    private static void Finish(MpiAbi abi)
    {
        if (Interlocked.CompareExchange(ref s_state, Finalizing, Running) != Running) Abort(abi, 1);
        MpiCall.Enter(nameof(MPI_Finalize)).Leave(MPI_Finalize());
        Interlocked.CompareExchange(ref s_state, Ended, Finalizing);
    }

    /// <summary>Arms the watchdog, which also watches the end of MPI, and the ways out of the process that bypass the body's end.</summary>
    private static int RunGuarded(MpiAbi abi, MpiCommunicator world, TimeSpan timeout, Func<MpiCommunicator, int> body)
    {
        if (world.Size == 1) return body(world);
        MpiWatchdog.Start(timeout, call =>
        {
            Console.Error.WriteLine($"rank {world.Rank}: {call}: expected the other ranks within {timeout.TotalSeconds:0.###} s, got none; all ranks end (RAWDL_MPI_TIMEOUT sets the time)");
            Abort(abi, 1);
        });
        AppDomain.CurrentDomain.UnhandledException += (_, e) =>
        {
            Console.Error.WriteLine($"rank {world.Rank}: {e.ExceptionObject}");
            if (Volatile.Read(ref s_state) != Ended) Abort(abi, 1);
        };
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            if (Volatile.Read(ref s_state) is Running or Finalizing) Abort(abi, Environment.ExitCode == 0 ? 1 : Environment.ExitCode);
        };
        return body(world);
    }

    private static MpiCommunicator Start(MpiLibrary library, MpiThreadLevel required)
    {
        int provided;
        MpiException.Check(MPI_Init_thread(null, null, library.Abi.ThreadNumber(required), &provided), nameof(MPI_Init_thread));
        // Communicators made from this one inherit the handler.
        MpiException.Check(MPI_Comm_set_errhandler(library.Abi.World, library.Abi.ErrorsReturn), nameof(MPI_Comm_set_errhandler));
        var world = new MpiCommunicator(library, library.Abi.World, library.Abi.ThreadLevel(provided));
        if (world.ThreadLevel < required)
            throw new MpiException($"MPI_Init_thread: expected thread level {required}, got {world.ThreadLevel} from {library.Version}");
        return world;
    }

    /// <summary>A library that does not know its launcher makes every process a world of its own, without a word.</summary>
    private static string? Mismatch(MpiLauncher? launcher, MpiCommunicator world)
    {
        if (launcher is not { Size: > 0 } by || by.Size == world.Size) return null;
        var cure = by.Family switch
        {
            MpiFlavor.OpenMpi => "install Open MPI's library or start with the mpiexec of this one",
            MpiFlavor.Mpich => "install MPICH's library or start with the mpiexec of this one",
            _ => "name a library that knows this launcher; under srun, choose its --mpi",
        };
        return $"MPI: expected {by.Size} ranks as {by.Name} says, got {world.Size} from {world.LibraryPath} ({world.LibraryVersion}), which belongs to another launcher; {cure} ({MpiLibrary.Variable} chooses)";
    }

    private static void KillThisProcess()
    {
        using var process = Process.GetCurrentProcess();
        process.Kill();
        Thread.Sleep(Timeout.Infinite);
    }
}
