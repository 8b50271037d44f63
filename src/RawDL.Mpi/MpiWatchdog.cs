using System.Diagnostics;

namespace RawDL.Mpi;

/// <summary>A thread that ends all ranks when one call of this rank does not return: a lost network, or a rank that took another path.</summary>
internal static class MpiWatchdog
{
    /// <summary>Watches until the process ends.</summary>
    /// <param name="timeout">The longest time in one call; zero watches nothing.</param>
    /// <param name="expired">Gets the name of the call, on the watchdog's thread.</param>
    internal static void Start(TimeSpan timeout, Action<string> expired)
    {
        if (timeout > TimeSpan.Zero) new Thread(() => Watch(timeout, expired)) { IsBackground = true, Name = "rawdl-mpi-watchdog" }.Start();
    }

    private static void Watch(TimeSpan timeout, Action<string> expired)
    {
        var seen = new Dictionary<MpiCall, (long Count, long Since)>();
        var period = TimeSpan.FromMilliseconds(Math.Clamp(timeout.TotalMilliseconds / 8, 10, 1000));
        while (true)
        {
            Thread.Sleep(period);
            foreach (var call in MpiCall.All())
            {
                var count = call.Count;
                if (!seen.TryGetValue(call, out var last) || last.Count != count) seen[call] = (count, Stopwatch.GetTimestamp());
                else if ((count & 1) == 1 && Stopwatch.GetElapsedTime(last.Since) >= timeout)
                {
                    expired(call.Name);
                    return;
                }
            }
        }
    }
}
