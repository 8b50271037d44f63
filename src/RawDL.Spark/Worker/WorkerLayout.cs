namespace RawDL.Spark;

/// <summary>What a task's bytes look like in one line of Spark releases.</summary>
/// <param name="Major">Of the release.</param>
/// <param name="Minor">Of the release.</param>
/// <param name="Letter">The layout of the header: A, B, C or D.</param>
/// <param name="Parts">What is there.</param>
internal readonly record struct WorkerLayout(int Major, int Minor, char Letter, WorkerParts Parts)
{
    private const WorkerParts Json = WorkerParts.JsonContext | WorkerParts.ConfigurationAlways | WorkerParts.ArgumentNames | WorkerParts.ProcessingTime;

    /// <summary>All known releases. A release that is not here is refused: its bytes could mean anything.</summary>
    internal static readonly WorkerLayout[] All =
    [
        new(3, 3, 'A', WorkerParts.BarrierAlways),
        new(3, 4, 'A', WorkerParts.BarrierAlways),
        new(3, 5, 'A', WorkerParts.BarrierAlways),
        new(4, 0, 'A', WorkerParts.BarrierAlways | WorkerParts.ProfilerFlag),
        new(4, 1, 'B', WorkerParts.ProfilerFlag),
        new(4, 2, 'C', Json),
        new(4, 3, 'D', Json | WorkerParts.Framed),
    ];

    internal bool Has(WorkerParts part) => (Parts & part) != 0;

    /// <exception cref="SparkProtocolException">An unknown release.</exception>
    internal static WorkerLayout Of(SparkVersion version)
    {
        foreach (var layout in All)
            if (layout.Major == version.Major && layout.Minor == version.Minor) return layout;
        throw new SparkProtocolException($"Spark {version}: expected a release of 3.3 to 4.3");
    }
}

/// <summary>Parts of a task's bytes that not every release has.</summary>
[Flags]
internal enum WorkerParts
{
    /// <summary>Barrier port and secret stand also in the header of a task that is no barrier task.</summary>
    BarrierAlways = 1,

    /// <summary>The task's context is one JSON text.</summary>
    JsonContext = 2,

    /// <summary>The header is one block behind a mark.</summary>
    Framed = 4,

    /// <summary>Two maps of configuration for every kind of task; otherwise one, for SQL only.</summary>
    ConfigurationAlways = 8,

    /// <summary>A flag and perhaps a profiler's name before the SQL functions.</summary>
    ProfilerFlag = 16,

    /// <summary>A flag and perhaps a name after each argument of an SQL function, and a result id after the function.</summary>
    ArgumentNames = 32,

    /// <summary>A fourth number in the timing section.</summary>
    ProcessingTime = 64,
}
