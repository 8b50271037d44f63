namespace RawDL.Mpi;

/// <summary>Which threads may call MPI, in ascending order.</summary>
public enum MpiThreadLevel
{
    /// <summary>The process has one thread.</summary>
    Single,

    /// <summary>Only the thread that called <see cref="Mpi.Run"/>.</summary>
    Funneled,

    /// <summary>Any thread, one at a time.</summary>
    Serialized,

    /// <summary>Any thread at any time; concurrent collectives each need their own communicator (<see cref="MpiCommunicator.Duplicate"/>).</summary>
    Multiple,
}
