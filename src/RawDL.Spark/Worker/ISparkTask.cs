namespace RawDL.Spark;

/// <summary>Work on one partition. One instance serves all tasks of a process, several at a time.</summary>
public interface ISparkTask
{
    /// <summary>
    /// Reads the partition and writes the result. It may be run again or twice at a time for the same partition, so it must give the same result
    /// and leave nothing behind. An exception fails the task; Spark tries it again.
    /// </summary>
    void Run(TaskContext context, TaskInput input, TaskOutput output);
}
