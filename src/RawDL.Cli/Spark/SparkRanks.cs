using System.Runtime.InteropServices;
using RawDL.Mpi;

namespace RawDL.Cli;

/// <summary>What ranks inside a Spark stage need of this machine.</summary>
internal static class SparkRanks
{
    private static readonly string[] Libraries = ["libmpich.so.12", "libmpi.so.12", "libmpich.so"];

    /// <summary>True if an MPI library of the MPICH family can be loaded: its ranks start without a launcher of their own.</summary>
    public static bool HasLibrary()
    {
        try
        {
            if (MpiInstallation.Find().Flavor == MpiFlavor.Mpich) return true;
        }
        catch (MpiException)
        {
            // Another name may do.
        }
        return Environment.GetEnvironmentVariable("RAWDL_MPI_LIB") is null or "" && Libraries.Any(name => NativeLibrary.TryLoad(name, out _));
    }
}
