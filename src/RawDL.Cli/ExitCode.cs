namespace RawDL.Cli;

/// <summary>What a process tells its caller; mpiexec, srun and job accounting pass it on. 50 to 58, 124, 126, 127 and 137 belong to others.</summary>
internal enum ExitCode
{
    /// <summary>Done.</summary>
    Ok = 0,

    /// <summary>A bug: an exception nobody expected. A report file is named.</summary>
    Bug = 1,

    /// <summary>Wrong options or configuration.</summary>
    Usage = 2,

    /// <summary>A bad or missing data or model file.</summary>
    Data = 3,

    /// <summary>No such device, or it has no memory left.</summary>
    Device = 4,

    /// <summary>Training diverged: NaN or infinity.</summary>
    Diverged = 5,

    /// <summary>A peer is lost or the world does not match.</summary>
    Communication = 6,

    /// <summary>Replicas differ: silent corruption.</summary>
    Replica = 7,

    /// <summary>Writing failed: disk full, fsync.</summary>
    InputOutput = 74,

    /// <summary>A checkpoint is written; run again to go on.</summary>
    RunAgain = 75,

    /// <summary>SIGINT; a running training has written its checkpoint.</summary>
    Interrupted = 130,

    /// <summary>SIGTERM; a running training has written its checkpoint.</summary>
    Terminated = 143,
}
