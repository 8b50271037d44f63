using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace RawDL.Mpi;

/// <summary>
/// The C functions of MPI. Every handle is an <c>nint</c>: Open MPI and the standard ABI take pointers, and the MPICH family reads the low 32 bits
/// of the same register or stack slot (x64, arm64). A handle that comes back needs a zeroed slot, as MPICH writes four bytes of it.
/// </summary>
/// <remarks>None of these suppresses the transition to preemptive mode: a rank that waits in MPI never delays a garbage collection.</remarks>
internal static unsafe partial class MpiFunctions
{
    private const string Library = MpiLibrary.Name;

    [LibraryImport(Library)] internal static partial int MPI_Get_library_version(byte* text, int* length);
    [LibraryImport(Library)] internal static partial int MPI_Init_thread(int* argc, byte*** argv, int required, int* provided);
    [LibraryImport(Library)] internal static partial int MPI_Finalize();
    [LibraryImport(Library)] internal static partial int MPI_Abort(nint communicator, int code);
    [LibraryImport(Library)] internal static partial int MPI_Error_string(int code, byte* text, int* length);
    [LibraryImport(Library)] internal static partial int MPI_Error_class(int code, int* errorClass);

    [LibraryImport(Library)] internal static partial int MPI_Comm_rank(nint communicator, int* rank);
    [LibraryImport(Library)] internal static partial int MPI_Comm_size(nint communicator, int* size);
    [LibraryImport(Library)] internal static partial int MPI_Comm_dup(nint communicator, nint* made);
    [LibraryImport(Library)] internal static partial int MPI_Comm_split(nint communicator, int color, int key, nint* made);
    [LibraryImport(Library)] internal static partial int MPI_Comm_split_type(nint communicator, int type, int key, nint info, nint* made);
    [LibraryImport(Library)] internal static partial int MPI_Comm_set_errhandler(nint communicator, nint handler);

    [LibraryImport(Library)] internal static partial int MPI_Barrier(nint communicator);
    [LibraryImport(Library)] internal static partial int MPI_Bcast(void* values, int count, nint type, int root, nint communicator);
    [LibraryImport(Library)] internal static partial int MPI_Reduce(void* values, void* result, int count, nint type, nint operation, int root, nint communicator);
    [LibraryImport(Library)] internal static partial int MPI_Allreduce(void* values, void* result, int count, nint type, nint operation, nint communicator);
    [LibraryImport(Library)] internal static partial int MPI_Iallreduce(void* values, void* result, int count, nint type, nint operation, nint communicator, nint* request);
    [LibraryImport(Library)] internal static partial int MPI_Reduce_scatter_block(void* values, void* result, int count, nint type, nint operation, nint communicator);
    [LibraryImport(Library)] internal static partial int MPI_Allgather(void* values, int count, nint type, void* result, int resultCount, nint resultType, nint communicator);
    [LibraryImport(Library)] internal static partial int MPI_Alltoall(void* values, int count, nint type, void* result, int resultCount, nint resultType, nint communicator);

    [LibraryImport(Library)] internal static partial int MPI_Test(nint* request, int* done, void* status);
    [LibraryImport(Library)] internal static partial int MPI_Wait(nint* request, void* status);

    [LibraryImport(Library)] internal static partial int MPI_Send(void* values, int count, nint type, int destination, int tag, nint communicator);
    [LibraryImport(Library)] internal static partial int MPI_Isend(void* values, int count, nint type, int destination, int tag, nint communicator, nint* request);
    [LibraryImport(Library)] internal static partial int MPI_Recv(void* values, int count, nint type, int source, int tag, nint communicator, void* status);
    [LibraryImport(Library)] internal static partial int MPI_Iprobe(int source, int tag, nint communicator, int* found, void* status);
    [LibraryImport(Library)] internal static partial int MPI_Get_count(void* status, nint type, int* count);
}
