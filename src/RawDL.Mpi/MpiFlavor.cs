namespace RawDL.Mpi;

/// <summary>The binary interfaces that MPI libraries come in.</summary>
public enum MpiFlavor
{
    /// <summary>Open MPI: handles are addresses of exported symbols.</summary>
    OpenMpi,

    /// <summary>MPICH, Intel MPI, MVAPICH, Cray MPI and MS-MPI: handles are 32-bit numbers.</summary>
    Mpich,

    /// <summary>The standard interface of MPI 5: handles are small numbers of pointer size.</summary>
    Standard,
}
