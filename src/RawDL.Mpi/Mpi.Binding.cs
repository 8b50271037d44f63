using static RawDL.Mpi.MpiFunctions;

namespace RawDL.Mpi;

public static unsafe partial class Mpi
{
    private static MpiAbi? s_abi;

    private static partial ICommunicator Start(MpiLauncher? launcher, MpiThreadLevel required, out string library)
    {
        var loaded = MpiLibrary.Load(launcher?.Family);
        s_abi = loaded.Abi;
        library = $"{loaded.Path} ({loaded.Version})";
        int provided;
        MpiException.Check(MPI_Init_thread(null, null, loaded.Abi.ThreadNumber(required), &provided), nameof(MPI_Init_thread));
        // Communicators made from this one inherit the handler.
        MpiException.Check(MPI_Comm_set_errhandler(loaded.Abi.World, loaded.Abi.ErrorsReturn), nameof(MPI_Comm_set_errhandler));
        var world = new MpiCommunicator(loaded, loaded.Abi.World, loaded.Abi.ThreadLevel(provided));
        if (world.ThreadLevel < required)
            throw new MpiException($"MPI_Init_thread: expected thread level {required}, got {world.ThreadLevel} from {loaded.Version}");
        return world;
    }

    private static partial void End() => MpiCall.Enter(nameof(MPI_Finalize)).Leave(MPI_Finalize());

    private static partial void AbortAll(int code) => _ = MPI_Abort(s_abi!.World, code);
}
