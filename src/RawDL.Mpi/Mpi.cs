using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace RawDL.Mpi;

/// <summary>
/// The life of MPI in a process: begin, run, and end such that no rank is left waiting. What calls MPI itself is in a part of its own, so that
/// another binding can take its place: <c>Start</c>, <c>End</c> and <c>AbortAll</c>.
/// </summary>
public static unsafe partial class Mpi
{
    private static readonly TimeSpan AbortGrace = TimeSpan.FromSeconds(5);

    /// <summary>Time for the launcher to read what this rank has said: that of MPICH 4.0.2 otherwise loses it once in about 60 aborts on a busy machine.</summary>
    private static readonly TimeSpan OutputGrace = TimeSpan.FromMilliseconds(200);

    /// <summary>How long a rank that returns an exit code waits for the others to do so too: time for rank 0 to print and write.</summary>
    private static readonly TimeSpan AgreementGrace = TimeSpan.FromSeconds(5);

    // States of s_state, in the order of a good run; Aborting can follow any of the first two.
    private const int Running = 0;
    private const int Finalizing = 1;
    private const int Ended = 2;
    private const int Aborting = 3;

    private static int s_started;
    private static int s_state;

    /// <summary>
    /// Starts MPI, runs <paramref name="body"/> with all ranks, and ends MPI. If the body throws or leaves the process in another way, all ranks are
    /// aborted at once: MPI_Finalize would wait for ever for those that still expect this one. An exit code other than 0 is an agreed end: the ranks
    /// end in order if all return one within 5 s of each other, and are aborted otherwise. A single rank just ends.
    /// </summary>
    /// <param name="options">Thread level, patience and how failures are told.</param>
    /// <param name="body">The rank's work, to its last line and file; gives its exit code. Open MPI's launcher kills the others at the first that is not 0.</param>
    /// <returns>
    /// The exit code: the body's, or that of <see cref="MpiOptions.Report"/>. With several ranks it does not return after an exception, or if the
    /// ranks do not agree to end.
    /// </returns>
    /// <exception cref="InvalidOperationException">A second call: MPI cannot start twice in a process.</exception>
    public static int Run(MpiOptions options, Func<ICommunicator, int> body)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(body);
        if (Interlocked.Exchange(ref s_started, 1) != 0) throw new InvalidOperationException("Mpi.Run: expected one call in a process, got a second: MPI cannot start twice.");

        var launcher = MpiLauncher.Detect();
        ICommunicator? world = null;
        int code;
        try
        {
            var timeout = options.EffectiveTimeout();
            world = Start(launcher, options.ThreadLevel, out var library);
            if (Mismatch(launcher, world, library) is { } mismatch) throw new MpiException(mismatch);
            code = world.Size == 1 ? body(world) : RunGuarded(world, timeout, body);
        }
        catch (Exception e)
        {
            code = options.Report(e, world is { Size: > 1 } ? world.Rank : launcher?.Rank ?? 0);
            if (code == 0) code = 1;
            if (world is { Size: > 1 }) Abort(code);
        }
        if (world is not null) Finish();
        return code;
    }

    /// <summary>Ends all ranks with this exit code. MPI_Abort itself may hang or return: then this process kills itself, which every launcher notices.</summary>
    [DoesNotReturn]
    internal static void Abort(int code)
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
            Thread.Sleep(OutputGrace);
            AbortAll(code is > 0 and < 256 ? code : 1);
            KillThisProcess();
        }
        Thread.Sleep(Timeout.Infinite);  // Another thread is at it.
        throw new UnreachableException();
    }

    /// <summary>Loads the library and starts MPI with at least this thread level; gives all ranks, and the library in words.</summary>
    private static partial ICommunicator Start(MpiLauncher? launcher, MpiThreadLevel required, out string library);

    /// <summary>MPI_Finalize.</summary>
    private static partial void End();

    /// <summary>MPI_Abort of all ranks.</summary>
    private static partial void AbortAll(int code);

    private static void Finish()
    {
        if (Interlocked.CompareExchange(ref s_state, Finalizing, Running) != Running) Abort(1);
        End();
        Interlocked.CompareExchange(ref s_state, Ended, Finalizing);
    }

    /// <summary>Arms the watchdog, which also watches the end of MPI, and the ways out of the process that bypass the body's end.</summary>
    private static int RunGuarded(ICommunicator world, TimeSpan timeout, Func<ICommunicator, int> body)
    {
        MpiWatchdog.Start(timeout, call =>
        {
            Console.Error.WriteLine($"rank {world.Rank}: {call}: expected the other ranks within {timeout.TotalSeconds:0.###} s, got none; all ranks end (RAWDL_MPI_TIMEOUT sets the time)");
            Abort(1);
        });
        AppDomain.CurrentDomain.UnhandledException += (_, e) =>
        {
            Console.Error.WriteLine($"rank {world.Rank}: {e.ExceptionObject}");
            if (Volatile.Read(ref s_state) != Ended) Abort(1);
        };
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            if (Volatile.Read(ref s_state) is Running or Finalizing) Abort(Environment.ExitCode == 0 ? 1 : Environment.ExitCode);
        };
        // Of its own, so that it cannot match what the others are doing.
        var leaving = world.Split(0, world.Rank);
        var code = body(world);
        if (code != 0) AwaitAgreement(leaving, code);
        return code;
    }

    /// <summary>Returns when every rank has come here; a rank that does not come in time has not seen the reason to end.</summary>
    private static void AwaitAgreement(ICommunicator leaving, int code)
    {
        using var timer = new Timer(_ =>
        {
            Console.Error.WriteLine($"rank {leaving.Rank}: exit code {code}: expected every rank to end within {AgreementGrace.TotalSeconds} s, got some that did not; all ranks end");
            Abort(code);
        }, null, AgreementGrace, Timeout.InfiniteTimeSpan);
        var ended = GC.AllocateArray<float>(1, pinned: true);
        var request = leaving.StartAllReduceSum((float*)Unsafe.AsPointer(ref ended[0]), 1);
        while (!request.Test()) Thread.Sleep(1);
    }

    /// <summary>A library that does not know its launcher makes every process a world of its own, without a word.</summary>
    private static string? Mismatch(MpiLauncher? launcher, ICommunicator world, string library)
    {
        if (launcher is not { Size: > 0 } by || by.Size == world.Size) return null;
        var cure = by.Family switch
        {
            MpiFlavor.OpenMpi => "install Open MPI's library or start with the mpiexec of this one",
            MpiFlavor.Mpich => "install MPICH's library or start with the mpiexec of this one",
            _ => "name a library that knows this launcher; under srun, choose its --mpi",
        };
        return $"MPI: expected {by.Size} ranks as {by.Name} says, got {world.Size} from {library}, which belongs to another launcher; {cure} ({MpiLibrary.Variable} chooses)";
    }

    private static void KillThisProcess()
    {
        using var process = Process.GetCurrentProcess();
        process.Kill();
        Thread.Sleep(Timeout.Infinite);
    }
}
