using System.Runtime.InteropServices;
using System.Text;

namespace RawDL.Mpi;

/// <summary>Finds and loads the MPI library, and tells its binary interface by what it exports.</summary>
internal sealed unsafe partial class MpiLibrary
{
    /// <summary>The name that <see cref="MpiFunctions"/> imports from; it stands for whatever was loaded.</summary>
    internal const string Name = "rawdl_mpi";

    internal const string Variable = "RAWDL_MPI_LIB";
    private const int VersionBytes = 8192 + 1;  // MPI_MAX_LIBRARY_VERSION_STRING is 256 or 8192.
    private static nint s_handle;

    static MpiLibrary() => NativeLibrary.SetDllImportResolver(typeof(MpiLibrary).Assembly, static (name, _, _) => name == Name ? s_handle : 0);

    private MpiLibrary(string path, MpiAbi abi)
    {
        Path = path;
        Abi = abi;
        var text = stackalloc byte[VersionBytes];
        var length = 0;
        MpiException.Check(MpiFunctions.MPI_Get_library_version(text, &length), nameof(MpiFunctions.MPI_Get_library_version));
        // MPICH lists its configuration in further lines.
        Version = Encoding.UTF8.GetString(text, length).Split('\n', '\0')[0].Replace('\t', ' ').Trim();
    }

    /// <summary>The name it was loaded by.</summary>
    internal string Path { get; }

    /// <summary>What the system's loader gave.</summary>
    internal nint Handle => s_handle;

    internal MpiAbi Abi { get; }

    /// <summary>The first line of MPI_Get_library_version.</summary>
    internal string Version { get; }

    // MPIX_Query_cuda_support of Open MPI and of MPICH, which answers between MPI_Init and MPI_Finalize only; a library without it is taken to read the host's
    // memory alone.
    internal bool IsCudaAware() => NativeLibrary.TryGetExport(Handle, "MPIX_Query_cuda_support", out var query) && ((delegate* unmanaged[Cdecl]<int>)query)() == 1;

    /// <summary>Loads the library that <c>RAWDL_MPI_LIB</c> names, or the first that is found, the launcher's family first.</summary>
    /// <exception cref="MpiException">None can be loaded; the message says how to install one.</exception>
    internal static MpiLibrary Load(MpiFlavor? family)
    {
        var named = Environment.GetEnvironmentVariable(Variable);
        return string.IsNullOrEmpty(named) ? Load(Candidates(family), "MPI") : Load([named], Variable);
    }

    internal static MpiLibrary Load(IReadOnlyList<string> candidates, string subject)
    {
        SilenceUcx();
        var reason = "none";
        foreach (var candidate in candidates)
        {
            var handle = Open(candidate, out var error);
            if (handle == 0)
            {
                // The loader's line begins with what is missing: the library itself, or one that it needs.
                if (candidates.Count == 1 || !error.StartsWith(candidate, StringComparison.Ordinal)) reason = error;
                continue;
            }
            if (!NativeLibrary.TryGetExport(handle, nameof(MpiFunctions.MPI_Init_thread), out _)) reason = $"{candidate}, which has no MPI_Init_thread";
            else if (Recognise(handle, System.IO.Path.GetFileName(candidate)) is not { } abi) reason = $"{candidate}, which has a draft of the standard ABI";
            else
            {
                s_handle = handle;
                return new MpiLibrary(candidate, abi);
            }
        }
        throw new MpiException($"{subject}: expected an MPI library ({string.Join(", ", candidates)}), got {reason}; {Advice()}");
    }

    /// <summary>Library names in the order they are tried. Unversioned names come last: they may belong to any implementation.</summary>
    internal static IReadOnlyList<string> Candidates(MpiFlavor? family)
    {
        if (OperatingSystem.IsWindows()) return ["msmpi.dll", "impi.dll"];
        if (OperatingSystem.IsMacOS()) return ["libmpi_abi.1.dylib", "libmpi.40.dylib", "libmpi.12.dylib", "libmpi.dylib"];
        string[] openMpi = ["libmpi.so.40", "libmpi.so.20"];
        string[] mpich = ["libmpich.so.12", "libmpi.so.12", "libmpich.so"];
        string[] any = ["libmpi_abi.so.1", "libmpi_abi.so", "libmpi.so"];
        return family == MpiFlavor.Mpich ? [.. mpich, .. openMpi, .. any] : [.. openMpi, .. mpich, .. any];
    }

    /// <summary>The interface of a loaded library; null for a draft of the standard one.</summary>
    private static MpiAbi? Recognise(nint handle, string fileName)
    {
        // The name comes first: libmpi_abi of Open MPI also shows the symbols of the library below it. A renamed one is known by what it lacks,
        // as the standard ABI has no conversions from Fortran handles.
        var standard = fileName.Contains("mpi_abi", StringComparison.Ordinal)
            || (Exports("MPI_Abi_get_version") && !Exports("MPI_Comm_f2c") && !Exports("ompi_mpi_comm_world"));
        if (!standard) return Exports("ompi_mpi_comm_world") ? MpiAbi.OpenMpi(handle) : MpiAbi.Mpich();
        if (!NativeLibrary.TryGetExport(handle, "MPI_Abi_get_version", out var function)) return null;
        int major = 0, minor = 0;
        return ((delegate* unmanaged[Cdecl]<int*, int*, int>)function)(&major, &minor) == 0 && major >= 1 ? MpiAbi.Standard() : null;

        bool Exports(string name) => NativeLibrary.TryGetExport(handle, name, out _);
    }

    /// <summary>
    /// UCX, which MPICH and Open MPI may load, takes over SIGSEGV and its kin, and then the first managed null dereference ends the process.
    /// The variables must reach the C library: .NET's own environment is a copy.
    /// </summary>
    private static void SilenceUcx()
    {
        if (OperatingSystem.IsWindows()) return;
        _ = SetEnvironment("UCX_ERROR_SIGNALS", "", 0);
        _ = SetEnvironment("UCX_HANDLE_ERRORS", "none", 0);
    }

    /// <summary>Opens with RTLD_NOW | RTLD_GLOBAL, which the plugins of Open MPI before 3.0 need and <see cref="NativeLibrary"/> does not offer.</summary>
    private static nint Open(string name, out string error)
    {
        error = "";
        nint handle;
        if (OperatingSystem.IsWindows())
        {
            if (!NativeLibrary.TryLoad(name, out handle)) error = $"{name}: cannot be loaded";
            return handle;
        }
        // The runtime binds an imported function at its first call, by other calls of the loader that would wipe the error out.
        _ = DlError();
        handle = DlOpen(name, OperatingSystem.IsMacOS() ? 0x2 | 0x8 : 0x2 | 0x100);
        if (handle == 0) error = Marshal.PtrToStringUTF8(DlError()) ?? $"{name}: cannot be loaded";
        return handle;
    }

    private static string Advice() =>
        OperatingSystem.IsWindows() ? $"install MS-MPI, or name a library in {Variable}"
        : OperatingSystem.IsMacOS() ? $"run: brew install open-mpi, or name a library in {Variable}"
        : $"run: apt-get install -y openmpi-bin openssh-client (or mpich), or name a library in {Variable}";

    [LibraryImport("libc", EntryPoint = "dlopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint DlOpen(string name, int flags);

    [LibraryImport("libc", EntryPoint = "dlerror")]
    private static partial nint DlError();

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
