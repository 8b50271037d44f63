namespace RawDL.Spark;

/// <summary>A second way to the JVM, for a thread that cancels while the first one waits for a job.</summary>
public sealed class SparkMonitor : IDisposable
{
    private readonly Py4JConnection _jvm;
    private readonly JavaObject _scala;

    internal SparkMonitor(Py4JConnection jvm, JavaObject scala) => (_jvm, _scala) = (jvm, scala.On(jvm));

    /// <summary>Cancels all jobs of a group: the thread that waits for one gets a <see cref="JavaException"/> at once, its tasks learn of it 2 to 4 s later.</summary>
    public void CancelJobGroup(string group) => _scala.CallVoid("cancelJobGroup", group);

    /// <summary>Cancels all jobs of the application.</summary>
    public void CancelAllJobs() => _scala.CallVoid("cancelAllJobs");

    /// <inheritdoc/>
    public void Dispose() => _jvm.Dispose();
}
