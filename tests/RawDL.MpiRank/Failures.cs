using System.Diagnostics;
using RawDL.Mpi;

namespace RawDL.MpiRank;

/// <summary>Rank 1 fails in a way of its own while the others wait for it in a barrier.</summary>
internal static class Failures
{
    /// <summary>All see a reason to end and return, rank 0 last, as it still has things to tell.</summary>
    public static int Agreed(ICommunicator world)
    {
        world.Barrier();
        if (world.Rank == 0)
        {
            Thread.Sleep(1500);
            Console.WriteLine("rank 0 has written its checkpoint");
        }
        return 5;
    }

    public static int Run(string name, ICommunicator world)
    {
        world.Barrier();
        if (world.Rank == 1)
        {
            switch (name)
            {
                case "throw": throw new InvalidOperationException("rank 1 has had enough");
                case "thread":
                    new Thread(() => throw new InvalidOperationException("a thread of rank 1 has had enough")).Start();
                    Thread.Sleep(Timeout.Infinite);
                    break;
                case "kill":
                    using (var process = Process.GetCurrentProcess()) process.Kill();
                    Thread.Sleep(Timeout.Infinite);
                    break;
                case "exit": Environment.Exit(0); break;
                case "abort": ((MpiCommunicator)world).Abort(42); break;
                case "return": return 7;
                case "crash": Environment.FailFast("rank 1 crashes"); break;
                case "early": return 0;  // Ends MPI while the others wait: only the watchdog helps.
                case "stuck": Thread.Sleep(Timeout.Infinite); break;
                default: throw new ArgumentException($"MpiRank: expected a case, got {name}");
            }
        }
        world.Barrier();
        Console.WriteLine($"rank {world.Rank} went on");
        return 0;
    }
}
