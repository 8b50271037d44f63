namespace RawDL.Cli;

/// <summary>What runs the executors.</summary>
internal enum SparkMaster
{
    /// <summary>Threads of the driver's JVM.</summary>
    Local,

    /// <summary>Processes on this machine.</summary>
    LocalCluster,

    /// <summary>Spark's own master and workers.</summary>
    Standalone,

    /// <summary>Hadoop's resource manager.</summary>
    Yarn,

    /// <summary>Pods.</summary>
    Kubernetes,
}
