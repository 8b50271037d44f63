namespace RawDL.Mpi;

internal sealed partial record MpiAbi
{
    /// <summary>The standard ABI 1.0 of MPI 5. Source: mpi.h of mpi-forum/mpi-abi-stubs, e5f65c7. Drafts before it had other numbers.</summary>
    internal static MpiAbi Standard() => new()
    {
        Flavor = MpiFlavor.Standard,
        World = 0x101,
        InfoNull = 0x130,
        ErrorsReturn = 0x143,
        UInt8 = 0x241,
        UInt16 = 0x249,
        Int32 = 0x250,
        Int64 = 0x258,
        Float = 0x210,
        Double = 0x214,
        Sum = 0x21,
        Min = 0x22,
        Max = 0x23,
        InPlace = 1,
        StatusIgnore = 0,
        AnySource = -1,
        AnyTag = -2,
        SharedMemory = 221,
        StatusSource = 0,
        StatusTag = 4,
        ThreadLevels = [0, 1024, 2048, 4096],
    };
}
