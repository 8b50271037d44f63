using System.IO.Compression;
using System.Runtime.InteropServices;
using SkiaSharp;

namespace RawDL.Cli;

/// <summary>Brings the native half of the plotting library from inside the program into the process, when the first plot wants it.</summary>
internal static class PlotLibrary
{
    private const string Resource = "plot-library.zip";
    private const string Name = "libSkiaSharp";
    private static readonly Lock Gate = new();
    private static nint _handle;

    /// <summary>Once, before the first use of the library.</summary>
    /// <exception cref="PlatformNotSupportedException">This build carries no native library, or there is no folder to unpack it into.</exception>
    public static void Load()
    {
        lock (Gate)
        {
            if (_handle != 0) return;
            _handle = Unpack();
            NativeLibrary.SetDllImportResolver(typeof(SKBitmap).Assembly, static (name, _, _) => name == Name ? _handle : 0);
        }
    }

    // A folder of our own, removed as soon as the library is mapped: nothing of it stays, and nobody else can have prepared it. Windows keeps the
    // file while it is in use.
    private static nint Unpack()
    {
        using var stream = typeof(PlotLibrary).Assembly.GetManifestResourceStream(Resource)
            ?? throw new PlatformNotSupportedException("plots: expected a build with a native plotting library for this platform, got none.");
        DirectoryInfo? folder = null;
        try
        {
            folder = Directory.CreateTempSubdirectory("rawdl-");
            using var archive = new ZipArchive(stream);
            var entry = archive.Entries.First(e => e.Name.StartsWith(Name, StringComparison.Ordinal));
            var path = Path.Combine(folder.FullName, entry.Name);
            entry.ExtractToFile(path);
            return NativeLibrary.Load(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or DllNotFoundException)
        {
            throw new PlatformNotSupportedException($"plots: expected a folder for temporary files to load the plotting library from, got {Path.GetTempPath()}: {failure.Message}", failure);
        }
        finally
        {
            if (!OperatingSystem.IsWindows()) folder?.Delete(recursive: true);
        }
    }
}
