using System.ComponentModel;
using System.Diagnostics;
using RawDL.Cuda;

namespace RawDL;

internal static partial class Required
{
    /// <summary>NVIDIA's run-time compiler; the test is ignored without it.</summary>
    internal static Nvrtc Nvrtc()
    {
        var nvrtc = Cuda.Nvrtc.TryLoad(int.MaxValue, out var reason);
        if (nvrtc is null) Missing("nvrtc", $"expected NVRTC, got {reason}");
        return nvrtc!;
    }

    /// <summary>A compiler for the emulated device.</summary>
    internal static void Emulator()
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("g++", "--version") { RedirectStandardOutput = true });
            process!.WaitForExit();
        }
        catch (Win32Exception)
        {
            Missing("emulator", "expected g++ (package g++), got none in PATH");
        }
    }

    /// <summary>The folder of the repository.</summary>
    internal static string Repository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "RawDL.sln"))) folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("RawDL.sln: expected it above the tests.");
        return folder;
    }
}
