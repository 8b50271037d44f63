using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace RawDL.Cli;

/// <summary>How many processors a rank may fill with threads.</summary>
internal static class ProcessorShare
{
    /// <summary>
    /// The processors of this process, divided by the ranks of this machine that run on the same ones; at least 1. A launcher that binds its ranks to
    /// different processors has divided them already. Every rank calls it.
    /// </summary>
    public static int Of(ICommunicator node)
    {
        var masks = new long[node.Size];
        var mine = Mask();
        node.AllGather<long>([mine], masks);
        return Math.Max(1, Environment.ProcessorCount / masks.Count(mask => mask == mine));
    }

    // A number that stands for the set of processors; equal where the system does not bind processes.
    private static long Mask()
    {
        const string key = "Cpus_allowed:";
        if (OperatingSystem.IsLinux())
        {
            var line = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal)) ?? "";
            return MemoryMarshal.Read<long>(SHA256.HashData(MemoryMarshal.AsBytes(line.AsSpan())));
        }
        if (!OperatingSystem.IsWindows()) return 0;
        using var process = Process.GetCurrentProcess();
        return process.ProcessorAffinity;
    }
}
