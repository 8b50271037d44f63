using System.Net;
using System.Net.Sockets;

namespace RawDL.Spark;

/// <summary>A Spark application, as its driver sees it. Calls belong to one thread; a job blocks it, and a <see cref="SparkMonitor"/> cancels it from another one.</summary>
public sealed partial class SparkContext : IDisposable
{
    internal const string PythonPackage = "org.apache.spark.api.python.";
    private readonly SparkDriver _driver;
    private readonly JavaObject _environment;
    private readonly JavaObject _noBroadcasts;
    private bool _stopped;

    internal SparkContext(SparkDriver driver, SparkOptions options)
    {
        _driver = driver;
        Jvm = driver.Open();
        try
        {
            using (var configuration = Jvm.New("org.apache.spark.SparkConf", true))
            {
                configuration.CallVoid("setIfMissing", "spark.app.name", options.Name);
                foreach (var (key, value) in options.Defaults) configuration.CallVoid("setIfMissing", key, value);
                Java = Jvm.New("org.apache.spark.api.java.JavaSparkContext", configuration);
            }
            Scala = Java.CallObject("sc");
            Configuration = Java.CallObject("getConf");
            Version = SparkVersion.Parse(Java.Call("version").Text);
            _ = WorkerLayout.Of(Version);
            IsEncrypted = Jvm.Static($"{PythonPackage}PythonUtils", "isEncryptionEnabled", Java).Boolean;
            _environment = Jvm.New("java.util.HashMap");
            foreach (var (key, value) in options.ExecutorEnvironment) _environment.CallVoid("put", key, value);
            _noBroadcasts = Jvm.New("java.util.ArrayList");
        }
        catch
        {
            Jvm.Dispose();
            throw;
        }
    }

    /// <summary>The release.</summary>
    public SparkVersion Version { get; }

    /// <summary>The application's id, as logs and the UI name it.</summary>
    public string ApplicationId => Scala.Call("applicationId").Text;

    /// <summary>The master's address.</summary>
    public string Master => Scala.Call("master").Text;

    /// <summary>Tasks that run at the same time, as far as Spark knows now.</summary>
    public int DefaultParallelism => Scala.Call("defaultParallelism").Int;

    /// <summary>Tasks that run at the same time, once as many executors have come as the settings say, or no more come: that takes some seconds after the application starts.</summary>
    /// <param name="patience">Longest wait for the first.</param>
    public int WaitForSlots(TimeSpan patience) => new SlotCount(this).Settle(patience);

    /// <summary>True where driver and executor are one JVM.</summary>
    internal bool IsLocal => Master is var master && (master == "local" || master.StartsWith("local[", StringComparison.Ordinal));

    /// <summary>True if spark.io.encryption.enabled.</summary>
    public bool IsEncrypted { get; }

    /// <summary>References to objects of the JVM that are held.</summary>
    internal int References => Jvm.References;

    internal Py4JConnection Jvm { get; }

    /// <summary>The JavaSparkContext.</summary>
    internal JavaObject Java { get; }

    /// <summary>The SparkContext.</summary>
    internal JavaObject Scala { get; }

    /// <summary>A copy of the application's settings.</summary>
    internal JavaObject Configuration { get; }

    /// <summary>A setting, or null where there is none.</summary>
    public string? Setting(string key) => Configuration.Call("get", key, JavaValue.Null).TextOrNull;

    /// <summary>What executors call the driver's machine, and the address of it to listen at: Spark's own.</summary>
    /// <exception cref="CommunicationException">There is none.</exception>
    internal (string Host, IPAddress Address) DriverAddress()
    {
        // On one machine nobody else shall reach it.
        if (Master.StartsWith("local", StringComparison.Ordinal)) return (LocalAddress.Loopback.ToString(), LocalAddress.Loopback);
        var host = (Setting("spark.driver.host") ?? "localhost").Trim('[', ']');
        var bind = (Setting("spark.driver.bindAddress") ?? host).Trim('[', ']');
        try
        {
            return (host, Dns.GetHostAddresses(bind) is [var first, ..] ? first : throw new SocketException((int)SocketError.HostNotFound));
        }
        catch (SocketException exception)
        {
            throw new CommunicationException($"driver: expected an address for {bind}, got {exception.Message}; set spark.driver.bindAddress", exception);
        }
    }

    /// <summary>Names the jobs that follow. All jobs of a group are cancelled together.</summary>
    public void SetJobGroup(string group, string description) => Java.CallVoid("setJobGroup", group, description, false);

    /// <summary>Describes the jobs that follow, for Spark's UI.</summary>
    public void SetJobDescription(string description) => Java.CallVoid("setJobDescription", description);

    /// <summary>Sets what tasks see in <see cref="TaskContext.Properties"/>.</summary>
    public void SetLocalProperty(string key, string? value) => Java.CallVoid("setLocalProperty", key, value);

    /// <summary>Opens a second way to the JVM, for a thread that cancels or watches while this one runs a job.</summary>
    public SparkMonitor OpenMonitor() => new(_driver.Open(), Scala);

    /// <summary>Sends a file to every executor; tasks find it in <see cref="TaskContext.FilesFolder"/>.</summary>
    public void AddFile(string path) => Scala.CallVoid("addFile", path);

    /// <summary>Sends an archive to every executor, unpacked into a folder of the name behind '#'.</summary>
    public void AddArchive(string path) => Scala.CallVoid("addArchive", path);

    /// <summary>Where a file of <see cref="AddFile"/> or --files lies on the driver.</summary>
    public string PathOfFile(string name) => Jvm.Static("org.apache.spark.SparkFiles", "get", name).Text;

    /// <summary>Files on every file system that Hadoop reaches.</summary>
    /// <param name="own">Whether they have a way of their own to the JVM, so that another thread may use them while this one runs a job.</param>
    public HadoopFiles OpenFiles(bool own = false) => new(this, own ? _driver.Open() : null);

    /// <summary>SQL and DataFrames.</summary>
    public SparkSql OpenSql() => new(this);

    /// <summary>Ends the application.</summary>
    public void Stop()
    {
        if (_stopped) return;
        _stopped = true;
        Java.CallVoid("stop");
    }

    /// <summary>Ends the application and, where it would not end by itself, the JVM: in local mode of Spark 3 a barrier stage leaves a thread that keeps it alive.</summary>
    /// <param name="exitCode">The process must end with the same.</param>
    public void Exit(int exitCode)
    {
        var lingers = !Version.IsAtLeast(4, 0) && Master.StartsWith("local", StringComparison.Ordinal);
        Stop();
        if (lingers) Jvm.StaticWithoutReply("java.lang.System", "exit", exitCode);
    }

    /// <summary>Ends the application and the connection, also after a failure.</summary>
    public void Dispose()
    {
        try
        {
            Stop();
        }
        catch (Exception failed) when (failed is JavaException or CommunicationException)
        {
            // The JVM is gone or ends anyway.
        }
        foreach (var held in (ReadOnlySpan<JavaObject>)[_noBroadcasts, _environment, Configuration, Scala, Java]) held.Dispose();
        Jvm.Dispose();
    }

    internal JavaObject List(params ReadOnlySpan<JavaValue> items)
    {
        var list = Jvm.New("java.util.ArrayList");
        foreach (var item in items) list.CallVoid("add", item);
        return list;
    }

    internal JavaObject Sequence(params ReadOnlySpan<JavaValue> items)
    {
        using var list = List(items);
        return Jvm.Static($"{PythonPackage}PythonUtils", "toSeq", list).Object;
    }

    /// <summary>A path for a temporary file that this process and the JVM share.</summary>
    internal string TemporaryPath()
    {
        var folder = Jvm.Static("org.apache.spark.util.Utils", "getLocalDir", Configuration).Text;
        return Path.Combine(folder, $"rawdl-{Guid.NewGuid():N}");
    }

    /// <summary>The object that Spark takes for a Python function.</summary>
    /// <param name="call">The task.</param>
    /// <param name="program">What executors start.</param>
    internal JavaObject Function(SparkCall call, string program)
    {
        var command = new TaskCommand(call.Task, call.Payload).Encode();
        var name = PythonPackage + (Version.IsAtLeast(3, 4) ? "SimplePythonFunction" : "PythonFunction");
        using var held = call.Broadcasts.Count == 0 ? null : List([.. call.Broadcasts.Select(b => (JavaValue)b.Java)]);
        return Jvm.New(name, command, _environment, _noBroadcasts, program, WorkerTag.Compose(Version), held ?? _noBroadcasts, JavaValue.Null);
    }

    internal JavaObject Function(SparkCall call) => Function(call, _driver.ExecutorProgram);

    // Daemons for SQL of Spark 4 start in <files>/<session>, where a relative path is looked up.
    internal JavaObject SqlFunction(SparkCall call) =>
        Function(call, Version.IsAtLeast(4, 0) && _driver.ExecutorProgram.StartsWith("./", StringComparison.Ordinal) ? $".{_driver.ExecutorProgram}" : _driver.ExecutorProgram);
}
