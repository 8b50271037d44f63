namespace RawDL.Spark;

/// <summary>What two processes have in common if they may share memory: the machine, the file system at /dev/shm, and the namespaces of network and processes.</summary>
internal static class NodeKey
{
    internal static string Of()
    {
        if (!OperatingSystem.IsLinux()) return Environment.MachineName;
        try
        {
            return $"{Environment.MachineName} {SharedMemory()} {Namespace("net")} {Namespace("pid")}";
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            // A node of its own: slower, and always right.
            return $"{Environment.MachineName} {Environment.ProcessId} {Guid.NewGuid():N}";
        }
    }

    private static string? Namespace(string name) => new FileInfo($"/proc/self/ns/{name}").LinkTarget;

    // Fields: id, parent, major:minor of the device, root, mount point; the last line of a mount point is what one sees there.
    private static string SharedMemory()
    {
        var device = "none";
        foreach (var line in File.ReadLines("/proc/self/mountinfo"))
            if (line.Split(' ') is [_, _, var number, var root, "/dev/shm", ..]) device = $"{number}{root}";
        return device;
    }
}
