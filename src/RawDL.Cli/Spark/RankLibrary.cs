using RawDL.Mpi;

namespace RawDL.Cli;

/// <summary>The MPI library of a rank that Spark started: one of the MPICH family, whose process manager is a page of text lines.</summary>
internal static class RankLibrary
{
    /// <summary>What is missing, or null.</summary>
    public static string? Missing()
    {
        string got;
        try
        {
            var found = MpiInstallation.Find(MpiFlavor.Mpich);
            if (found.Flavor != MpiFlavor.OpenMpi) return null;
            got = $"{found.Path} ({found.Version})";
        }
        catch (MpiException exception)
        {
            got = Message.OneLine(exception.Message, 200);
        }
        return $"ranks: expected an MPI library of the MPICH family on {Environment.MachineName}, got {got}; run on every executor: apt-get install -y mpich, or name one by --conf spark.executorEnv.RAWDL_MPI_LIB=PATH";
    }
}
