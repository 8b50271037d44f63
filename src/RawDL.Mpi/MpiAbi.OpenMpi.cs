using System.Runtime.InteropServices;

namespace RawDL.Mpi;

internal sealed partial record MpiAbi
{
    /// <summary>Open MPI 3 to 5: a handle is the address of an exported object. Source: its mpi.h.</summary>
    internal static MpiAbi OpenMpi(nint library) => new()
    {
        Flavor = MpiFlavor.OpenMpi,
        World = NativeLibrary.GetExport(library, "ompi_mpi_comm_world"),
        InfoNull = NativeLibrary.GetExport(library, "ompi_mpi_info_null"),
        ErrorsReturn = NativeLibrary.GetExport(library, "ompi_mpi_errors_return"),
        UInt8 = NativeLibrary.GetExport(library, "ompi_mpi_uint8_t"),
        UInt16 = NativeLibrary.GetExport(library, "ompi_mpi_uint16_t"),
        Int32 = NativeLibrary.GetExport(library, "ompi_mpi_int32_t"),
        Int64 = NativeLibrary.GetExport(library, "ompi_mpi_int64_t"),
        Float = NativeLibrary.GetExport(library, "ompi_mpi_float"),
        Double = NativeLibrary.GetExport(library, "ompi_mpi_double"),
        Sum = NativeLibrary.GetExport(library, "ompi_mpi_op_sum"),
        Min = NativeLibrary.GetExport(library, "ompi_mpi_op_min"),
        Max = NativeLibrary.GetExport(library, "ompi_mpi_op_max"),
        InPlace = 1,
        StatusIgnore = 0,
        AnySource = -1,
        AnyTag = -1,
        SharedMemory = 0,
        StatusSource = 0,
        StatusTag = 4,
        ThreadLevels = [0, 1, 2, 3],
    };
}
