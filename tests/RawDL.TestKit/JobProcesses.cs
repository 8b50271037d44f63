using System.Diagnostics;

namespace RawDL.TestKit;

/// <summary>The processes of a job on this machine, known by a word that only their command lines hold. Linux.</summary>
public static class JobProcesses
{
    private static readonly string[] RankVariables = ["OMPI_COMM_WORLD_RANK=", "PMI_RANK="];

    /// <summary>Those that live: ids, and what the launcher numbers them; -1 for the launcher itself.</summary>
    public static List<(int Id, int Rank)> Find(string mark)
    {
        var found = new List<(int, int)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var id) || id == Environment.ProcessId) continue;
            try
            {
                if (File.ReadAllText(Path.Combine(folder, "cmdline")).Contains(mark, StringComparison.Ordinal)) found.Add((id, RankOf(folder)));
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                // Ended meanwhile, or another user's.
            }
        }
        return found;
    }

    /// <summary>Kills a process that may have ended meanwhile.</summary>
    public static void Kill(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            process.Kill();
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException)
        {
            // Ended meanwhile.
        }
    }

    private static int RankOf(string folder)
    {
        foreach (var entry in File.ReadAllText(Path.Combine(folder, "environ")).Split('\0'))
            foreach (var variable in RankVariables)
                if (entry.StartsWith(variable, StringComparison.Ordinal)) return int.Parse(entry.AsSpan(variable.Length), System.Globalization.CultureInfo.InvariantCulture);
        return -1;
    }
}
