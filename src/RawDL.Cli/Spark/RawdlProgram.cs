namespace RawDL.Cli;

/// <summary>This program as a file that executors can start.</summary>
/// <param name="Path">Absolute.</param>
/// <param name="IsSingleFile">False for a build, which is a folder and needs .NET.</param>
internal sealed record RawdlProgram(string Path, bool IsSingleFile)
{
    /// <summary>The name without its folder.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>Where it lies.</summary>
    public string Folder => System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>The running one.</summary>
    /// <exception cref="UsageException">It was started through dotnet, and there is no program beside it.</exception>
    public static RawdlProgram Find()
    {
        // A published program carries its assemblies inside.
        var folder = AppContext.BaseDirectory;
        if (!File.Exists(System.IO.Path.Combine(folder, "rawdl.dll"))) return new RawdlProgram(Environment.ProcessPath!, IsSingleFile: true);
        var path = System.IO.Path.Combine(folder, OperatingSystem.IsWindows() ? "rawdl.exe" : "rawdl");
        return File.Exists(path) ? new RawdlProgram(path, IsSingleFile: false) : throw new UsageException($"submit: expected the program rawdl beside rawdl.dll, got none in {folder}; build it or publish it");
    }
}
