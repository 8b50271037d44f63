using System.Runtime.InteropServices;

namespace RawDL.Mpi;

public static unsafe partial class Mpi
{
    private static MPI.Environment? s_environment;

    /// <summary>The package was made for MS-MPI, whose binary interface is that of the MPICH family: one of that family stands in for msmpi.dll.</summary>
    private static partial ICommunicator Start(MpiLauncher? launcher, MpiThreadLevel required, out string library)
    {
        if (launcher is { Family: MpiFlavor.OpenMpi } other)
            throw new MpiException($"MPI.NET: expected a launcher of the MPICH family, got {other.Name}; start with mpiexec.mpich, or use a build without MpiBinding=MPI.NET");
        var loaded = MpiLibrary.Load(MpiFlavor.Mpich);
        library = $"{loaded.Path} ({loaded.Version})";
        if (loaded.Abi.Flavor != MpiFlavor.Mpich)
            throw new MpiException($"MPI.NET: expected a library of the MPICH family, got {library}; run: apt-get install -y mpich, or use a build without MpiBinding=MPI.NET");

        NativeLibrary.SetDllImportResolver(typeof(MPI.Communicator).Assembly, (name, _, _) => name == "msmpi.dll" ? loaded.Handle : 0);
        string[]? arguments = null;
        s_environment = new MPI.Environment(ref arguments, required switch
        {
            MpiThreadLevel.Single => MPI.Threading.Single,
            MpiThreadLevel.Funneled => MPI.Threading.Funneled,
            MpiThreadLevel.Serialized => MPI.Threading.Serialized,
            _ => MPI.Threading.Multiple,
        });
        if (MPI.Environment.Threading < (MPI.Threading)required)
            throw new MpiException($"MPI_Init_thread: expected thread level {required}, got {MPI.Environment.Threading} from {loaded.Version}");
        return new MpiNetCommunicator(MPI.Communicator.world);
    }

    private static partial void End() => MpiNetCommunicator.Call("MPI_Finalize", () => s_environment!.Dispose());

    private static partial void AbortAll(int code) => MPI.Communicator.world.Abort(code);
}
