using System.Globalization;

namespace RawDL.Spark;

/// <summary>What the JVM tells a worker process by its environment.</summary>
/// <param name="Secret">Of the connections; empty with Unix domain sockets.</param>
/// <param name="IsReused">A connection serves more than one task.</param>
/// <param name="SocketFolder">Where a daemon makes its Unix domain socket; null for a loopback port.</param>
/// <param name="Worker">The module that Spark 4 wants to serve connections; null in Spark 3.</param>
/// <param name="Master">Where a worker without a daemon connects to.</param>
internal sealed record WorkerSettings(string Secret, bool IsReused, string? SocketFolder = null, string? Worker = null, LocalAddress Master = default)
{
    internal const string SecretVariable = "PYTHON_WORKER_FACTORY_SECRET";

    /// <summary>Spark 4 checks that the number which a connection answers is a live process.</summary>
    internal bool AnswersProcessId => Worker is not null;

    /// <summary>False if Spark asks for another module, as for the look-up of data sources.</summary>
    internal bool ServesTasks => Worker is null or "pyspark.worker" or "rawdl.worker";

    internal static WorkerSettings Read(Func<string, string?> variable, string? worker)
    {
        var unix = string.Equals(variable("PYTHON_UNIX_DOMAIN_ENABLED"), "true", StringComparison.OrdinalIgnoreCase);
        _ = int.TryParse(variable("PYTHON_WORKER_FACTORY_PORT"), NumberStyles.None, CultureInfo.InvariantCulture, out var port);
        return new WorkerSettings(variable(SecretVariable) ?? "", variable("SPARK_REUSE_WORKER") is not null,
            unix ? variable("PYTHON_WORKER_FACTORY_SOCK_DIR") : null, worker, new LocalAddress(port, variable("PYTHON_WORKER_FACTORY_SOCK_PATH")));
    }
}
