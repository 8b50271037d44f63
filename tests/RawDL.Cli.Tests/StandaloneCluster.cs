using System.Diagnostics;

namespace RawDL.Cli.Tests;

/// <summary>A master of Spark and its workers on this machine, of two cores each.</summary>
internal sealed class StandaloneCluster : IDisposable
{
    private const string Deploy = "org.apache.spark.deploy.";
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private readonly string _home;
    private readonly List<Process> _processes = [];

    public StandaloneCluster(string home, int workers)
    {
        _home = home;
        try
        {
            var starting = new TaskCompletionSource<string>();
            var registered = new CountdownEvent(workers);
            Start(line =>
            {
                if (line.IndexOf("spark://127.0.0.1:", StringComparison.Ordinal) is var at and >= 0) starting.TrySetResult(line[at..].Split(' ')[0]);
                if (line.Contains("Registering worker", StringComparison.Ordinal) && !registered.IsSet) registered.Signal();
            }, $"{Deploy}master.Master", "--port", "0");
            if (!starting.Task.Wait(s_patience)) throw new TimeoutException("Spark's master did not start.");
            Master = starting.Task.Result;
            for (var worker = 0; worker < workers; worker++) Start(_ => { }, $"{Deploy}worker.Worker", "--cores", "2", "--memory", "2g", "--work-dir", TrainedRun.Fresh("work"), Master);
            if (!registered.Wait(s_patience)) throw new TimeoutException("Spark's workers did not register.");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>spark://127.0.0.1:PORT.</summary>
    public string Master { get; } = "";

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            process.Kill(entireProcessTree: true);
            process.Dispose();
        }
        _processes.Clear();
    }

    private void Start(Action<string> hear, string name, params string[] words)
    {
        var start = new ProcessStartInfo(Path.Combine(_home, "bin/spark-class"), [name, "--host", "127.0.0.1", "--webui-port", "0", .. words]) { RedirectStandardOutput = true, RedirectStandardError = true };
        (start.Environment["SPARK_HOME"], start.Environment["SPARK_LOCAL_IP"], start.Environment["SPARK_NO_DAEMONIZE"]) = (_home, "127.0.0.1", "1");
        var process = Process.Start(start)!;
        _processes.Add(process);
        DataReceivedEventHandler take = (_, line) => hear(line.Data ?? "");
        process.OutputDataReceived += take;
        process.ErrorDataReceived += take;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }
}
