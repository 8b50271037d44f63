namespace RawDL.Mpi;

internal sealed partial record MpiAbi
{
    /// <summary>The MPICH family: a handle is a 32-bit number whose bits hold kind and size. Source: MPICH's mpi.h, shared since 2014 by its ABI initiative.</summary>
    internal static MpiAbi Mpich() => new()
    {
        Flavor = MpiFlavor.Mpich,
        World = 0x44000000,
        InfoNull = 0x1c000000,
        ErrorsReturn = 0x54000001,
        UInt8 = 0x4c00013b,
        UInt16 = 0x4c00023c,
        Int32 = 0x4c000439,
        Int64 = 0x4c00083a,
        Float = 0x4c00040a,
        Double = 0x4c00080b,
        Sum = 0x58000003,
        Min = 0x58000002,
        Max = 0x58000001,
        InPlace = -1,
        StatusIgnore = 1,
        AnySource = -2,
        AnyTag = -1,
        SharedMemory = 1,
        StatusSource = 8,
        StatusTag = 12,
        ThreadLevels = [0, 1, 2, 3],
    };
}
