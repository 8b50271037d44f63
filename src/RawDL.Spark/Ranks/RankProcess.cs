using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace RawDL.Spark;

/// <summary>A rank as a child of this process. It ends at the latest when its standard input does, which is when this process does.</summary>
internal sealed partial class RankProcess : IDisposable
{
    private const int MaximumOutput = 16 << 20, MaximumLine = 2000, Terminate = 15;
    private static readonly TimeSpan s_drainTime = TimeSpan.FromSeconds(2);

    // What another launcher or another Spark process left; a rank must not take itself for theirs.
    private static readonly string[] s_foreign = ["PMI_", "PMIX_", "OMPI_", "HYDRA_", "HYDI_", "MPI_LOCAL", "SLURM_", "PYSPARK_", "PYTHON_WORKER_", "SPARK_REMOTE"];

    private readonly Process _process;
    private readonly TaskCompletionSource<string> _hello = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly MemoryStream _output = new();
    private readonly Thread[] _readers;
    private readonly Thread _watcher;
    private int? _exitCode;

    /// <summary>Starts it.</summary>
    /// <param name="words">The program and its arguments.</param>
    /// <param name="environment">Variables beside those of this process.</param>
    /// <param name="say">Gets each line of its standard error.</param>
    /// <param name="exited">Called when it has ended.</param>
    internal RankProcess(IReadOnlyList<string> words, IReadOnlyDictionary<string, string> environment, Action<string> say, Action exited)
    {
        var start = new ProcessStartInfo(words[0], words.Skip(1)) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in start.Environment.Keys.Where(name => s_foreign.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal))).ToList()) start.Environment.Remove(name);
        foreach (var (name, value) in environment) start.Environment[name] = value;
        _process = Process.Start(start)!;
        _readers = [Read(_process.StandardOutput.BaseStream, TakeOutput), Read(_process.StandardError.BaseStream, new LineCutter(MaximumLine, say).Take)];
        _watcher = new Thread(() =>
        {
            _process.WaitForExit();
            lock (_output) _exitCode = _process.ExitCode;
            _hello.TrySetResult(string.Create(CultureInfo.InvariantCulture, $"rank: expected a process that begins, got one that ended with exit code {_exitCode}"));
            exited();
        }, 1 << 18)
        { IsBackground = true, Name = "rawdl-rank-exit" };
        _watcher.Start();
    }

    /// <summary>128 and the signal's number after a signal.</summary>
    internal int ExitCode
    {
        get
        {
            lock (_output) return _exitCode ?? throw new InvalidOperationException("rank: expected its end before its exit code");
        }
    }

    /// <summary>What it wrote behind its first line, up to some megabytes. Complete after <see cref="Drain"/>.</summary>
    internal byte[] Output
    {
        get
        {
            lock (_output) return _output.ToArray();
        }
    }

    /// <summary>Waits for its first line: null if it is ready, else what it lacks.</summary>
    internal string? AwaitHello(TimeSpan patience, CancellationToken cancel)
    {
        if (!_hello.Task.Wait((int)patience.TotalMilliseconds, cancel)) return $"rank: expected a process that is ready within {patience.TotalSeconds} s, got none";
        return _hello.Task.Result is var line and not RankChild.Ready ? line : null;
    }

    /// <summary>Sends it off.</summary>
    internal void Begin(string line)
    {
        try
        {
            _process.StandardInput.BaseStream.Write(Encoding.Latin1.GetBytes($"{line}\n"));
            _process.StandardInput.BaseStream.Flush();
        }
        catch (IOException)
        {
            // It has ended, and its exit says more.
        }
    }

    /// <summary>Asks it to end in order.</summary>
    internal void Stop()
    {
        lock (_output)
            if (_exitCode is null) _ = kill(_process.Id, Terminate);
    }

    /// <summary>Ends it at once.</summary>
    internal void Kill()
    {
        try
        {
            _process.Kill();
        }
        catch (Exception ended) when (ended is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // It has ended.
        }
    }

    /// <summary>After its end: waits for the last of what it said.</summary>
    internal void Drain()
    {
        foreach (var reader in _readers) reader.Join(s_drainTime);
    }

    public void Dispose()
    {
        Kill();
        _watcher.Join();
        Drain();
        _process.Dispose();
    }

    private static Thread Read(Stream stream, Action<ReadOnlySpan<byte>> take)
    {
        var thread = new Thread(() =>
        {
            Span<byte> buffer = stackalloc byte[1 << 13];
            try
            {
                while (stream.Read(buffer) is var count and > 0) take(buffer[..count]);
                take([]);
            }
            catch (Exception closed) when (closed is IOException or ObjectDisposedException)
            {
                // Nobody listens any more.
            }
        }, 1 << 18)
        { IsBackground = true, Name = "rawdl-rank-output" };
        thread.Start();
        return thread;
    }

    private void TakeOutput(ReadOnlySpan<byte> bytes)
    {
        lock (_output)
        {
            if (!_hello.Task.IsCompleted)
            {
                var end = bytes.IndexOf((byte)'\n');
                _output.Write(end < 0 ? bytes : bytes[..end]);
                if (end < 0 && _output.Length < MaximumLine) return;
                _hello.TrySetResult(Encoding.UTF8.GetString(_output.ToArray()));
                _output.SetLength(0);
                bytes = end < 0 ? [] : bytes[(end + 1)..];
            }
            _output.Write(bytes[..(int)Math.Min(bytes.Length, MaximumOutput - _output.Length)]);
        }
    }

    [LibraryImport("libc")]
    private static partial int kill(int process, int signal);
}
