namespace RawDL.Mpi;

/// <summary>What MPI leaves to the implementation: the values behind its names. One file per binary interface fills it.</summary>
internal sealed partial record MpiAbi
{
    /// <summary>MPI_UNDEFINED, the same everywhere.</summary>
    internal const int Undefined = -32766;

    /// <summary>Room for an MPI_Status, bytes; the largest known has 32.</summary>
    internal const int StatusBytes = 64;

    internal required MpiFlavor Flavor { get; init; }
    internal required nint World { get; init; }
    internal required nint InfoNull { get; init; }
    internal required nint ErrorsReturn { get; init; }

    internal required nint UInt8 { get; init; }
    internal required nint UInt16 { get; init; }
    internal required nint Int32 { get; init; }
    internal required nint Int64 { get; init; }
    internal required nint Float { get; init; }
    internal required nint Double { get; init; }

    internal required nint Sum { get; init; }
    internal required nint Min { get; init; }
    internal required nint Max { get; init; }

    internal required nint InPlace { get; init; }
    internal required nint StatusIgnore { get; init; }
    internal required int AnySource { get; init; }
    internal required int AnyTag { get; init; }
    internal required int SharedMemory { get; init; }

    /// <summary>Offsets in MPI_Status, bytes.</summary>
    internal required int StatusSource { get; init; }
    internal required int StatusTag { get; init; }

    /// <summary>MPI_THREAD_SINGLE, _FUNNELED, _SERIALIZED, _MULTIPLE.</summary>
    internal required int[] ThreadLevels { get; init; }

    internal int ThreadNumber(MpiThreadLevel level) => ThreadLevels[(int)level];

    internal MpiThreadLevel ThreadLevel(int number) => (MpiThreadLevel)Math.Max(0, Array.IndexOf(ThreadLevels, number));
}
