namespace RawDL.Spark;

/// <summary>The <c>pyspark.worker</c> of an executor without a daemon (spark.python.use.daemon=false, and always on Windows): one process for one connection that it opens itself.</summary>
internal static class SimpleWorker
{
    internal static void Run(WorkerSettings settings, TaskCatalog catalog)
    {
        using var connection = new TaskConnection(settings.Master.Connect("worker connection"), settings, catalog, new BroadcastStore());
        if (settings.Master.Path is null)
        {
            connection.Writer.WriteText(settings.Secret);
            connection.Writer.Flush();
            if (connection.Reader.ReadText() is var answer and not "ok") throw new SparkProtocolException($"worker connection: expected 'ok' for the secret, got '{answer}'");
        }
        connection.Writer.WriteInt(Environment.ProcessId);
        connection.Writer.Flush();
        connection.Serve();
    }
}
