namespace RawDL.Spark;

/// <summary>The tasks that this program can do, and the build of the drivers that may ask for them.</summary>
internal class TaskCatalog(IReadOnlyDictionary<string, ISparkTask> tasks, string build)
{
    internal string Build => build;

    /// <exception cref="SparkProtocolException">No task of that name.</exception>
    internal virtual (ISparkTask Task, ReadOnlyMemory<byte> Payload) Find(ReadOnlyMemory<byte> command)
    {
        var (name, payload) = TaskCommand.Decode(command);
        return tasks.TryGetValue(name, out var task)
            ? (task, payload)
            : throw new SparkProtocolException($"task: expected one of {string.Join(", ", tasks.Keys.Order(StringComparer.Ordinal))}, got '{name}'");
    }
}
