using System.Globalization;

namespace RawDL.Spark;

/// <summary>This process as the driver that spark-submit started: the way to the JVM, before anything is asked of it.</summary>
public sealed class SparkDriver
{
    private const string PortVariable = "PYSPARK_GATEWAY_PORT", SecretVariable = "PYSPARK_GATEWAY_SECRET";
    private readonly LocalAddress _gateway;
    private readonly string _secret;

    private SparkDriver(LocalAddress gateway, string secret, string program) => (_gateway, _secret, ExecutorProgram) = (gateway, secret, program);

    /// <summary>What executors start: spark.pyspark.python, or this program's own path.</summary>
    public string ExecutorProgram { get; }

    /// <summary>The driver, or null if spark-submit did not start this process. Takes the secret out of the environment, so that no child inherits it.</summary>
    /// <exception cref="SparkProtocolException">Spark runs in Connect mode, which has no gateway.</exception>
    public static SparkDriver? Detect()
    {
        var driver = Detect(Environment.GetEnvironmentVariable);
        if (driver is not null) Environment.SetEnvironmentVariable(SecretVariable, null);
        return driver;
    }

    internal static SparkDriver? Detect(Func<string, string?> variable)
    {
        if (variable(PortVariable) is not { } text)
            return variable("SPARK_REMOTE") is null && variable("PYSPARK_REMOTE_INIT_CONF_LEN") is null
                ? null
                : throw new SparkProtocolException("Spark: expected a driver with a gateway, got Connect mode; submit with --conf spark.api.mode=classic and without spark.remote");
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port)) throw new SparkProtocolException($"{PortVariable}: expected a port, got '{text}'");
        var program = variable("PYSPARK_PYTHON") is { Length: > 0 } named ? named : Environment.ProcessPath ?? "rawdl";
        return new SparkDriver(new LocalAddress(port), variable(SecretVariable) ?? "", program);
    }

    /// <summary>Starts the application.</summary>
    /// <exception cref="JavaException">Spark refuses.</exception>
    public SparkContext Start(SparkOptions options) => new(this, options);

    /// <summary>Watches the standard input, which ends when the JVM dies.</summary>
    /// <param name="ended">Called on a thread of its own; by default the process ends with exit code 1.</param>
    public void EndWithJvm(Action? ended = null) =>
        new Thread(() =>
        {
            using var input = Console.OpenStandardInput();
            Span<byte> ignored = stackalloc byte[256];
            while (input.Read(ignored) > 0) { }
            if (ended is null) Environment.Exit(1);
            else ended();
        })
        { IsBackground = true, Name = "rawdl-spark-parent" }.Start();

    internal Py4JConnection Open() => Py4JConnection.Open(_gateway, _secret);
}
