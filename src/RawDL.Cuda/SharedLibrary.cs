using System.Runtime.InteropServices;

namespace RawDL.Cuda;

/// <summary>Finds NVIDIA's libraries: by the system's loader, then in the folders of a CUDA installation. A variable that names a file is taken at its word.</summary>
internal static class SharedLibrary
{
    /// <summary>Loads the first that is there; 0, and <paramref name="reason"/>, where none is.</summary>
    /// <param name="variable">The environment variable that names a file.</param>
    /// <param name="names">In the order they are tried.</param>
    /// <param name="path">What was loaded.</param>
    /// <param name="reason">What stood in the way: <c>no libnvrtc.so.12</c>.</param>
    internal static nint Open(string variable, IReadOnlyList<string> names, out string path, out string reason)
    {
        path = reason = "";
        nint handle;
        if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } named)
        {
            if (NativeLibrary.TryLoad(named, out handle))
            {
                path = named;
                return handle;
            }
            reason = $"{variable}={named}, which cannot be loaded";
            return 0;
        }
        foreach (var name in names)
        {
            foreach (var candidate in Places(name))
            {
                if (!NativeLibrary.TryLoad(candidate, out handle)) continue;
                path = candidate;
                return handle;
            }
        }
        reason = $"no {names[0]}";
        return 0;
    }

    /// <summary>Names of releases that the driver's own major version can serve come first; an entry is a major version and its name.</summary>
    internal static IReadOnlyList<string> Order(int newestMajor, params (int Major, string Name)[] releases) =>
        [.. releases.Where(release => release.Major <= newestMajor).Select(release => release.Name), .. releases.Where(release => release.Major > newestMajor).Select(release => release.Name)];

    private static IEnumerable<string> Places(string name)
    {
        yield return name;
        var folder = OperatingSystem.IsWindows() ? "bin" : "lib64";
        foreach (var variable in new[] { "CUDA_PATH", "CUDA_HOME" })
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } installation) yield return Path.Combine(installation, folder, name);
        if (!OperatingSystem.IsWindows()) yield return Path.Combine("/usr/local/cuda", folder, name);
    }
}
