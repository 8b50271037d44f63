using System.IO.Pipes;

namespace RawDL.Spark.Tests;

/// <summary>A daemon in this process, with pipes for its standard input and output.</summary>
internal sealed class TestDaemon : IDisposable
{
    private readonly AnonymousPipeServerStream _input = new(PipeDirection.Out);
    private readonly AnonymousPipeServerStream _output = new(PipeDirection.In);
    private readonly AnonymousPipeClientStream _daemonInput;
    private readonly AnonymousPipeClientStream _daemonOutput;
    private readonly Thread _thread;

    internal TestDaemon(TaskCatalog? catalog = null, bool isReused = true, string? worker = null, string? folder = null)
    {
        _daemonInput = new AnonymousPipeClientStream(PipeDirection.In, _input.ClientSafePipeHandle);
        _daemonOutput = new AnonymousPipeClientStream(PipeDirection.Out, _output.ClientSafePipeHandle);
        Daemon = new WorkerDaemon(new WorkerSettings(folder is null ? FakeJvm.Secret : "", isReused, folder, worker), catalog ?? new TaskCatalog(SparkProbe.Tasks.All, "test-1"));
        _thread = new Thread(() => Daemon.Run(_daemonInput, _daemonOutput)) { IsBackground = true };
        _thread.Start();
        var hello = new WireReader(_output, "hello");
        Address = folder is null ? new LocalAddress(hello.ReadInt()) : new LocalAddress(0, hello.ReadText());
    }

    internal WorkerDaemon Daemon { get; }

    internal LocalAddress Address { get; }

    internal FakeJvm Connect() => FakeJvm.Connect(Address, Address.Path is null ? FakeJvm.Secret : null);

    internal void Kill(int number) => _input.Write(TaskBytes.Int(number));

    /// <summary>Ends the standard input, as the death of the JVM does; true if the daemon ends then.</summary>
    internal bool End()
    {
        _input.Dispose();
        return _thread.Join(10_000);
    }

    /// <summary>Waits until no connection is served.</summary>
    internal void AssertIdle() => Assert.That(() => Daemon.ConnectionCount, Is.Zero.After(10_000, 10));

    public void Dispose()
    {
        _input.Dispose();
        _thread.Join(10_000);
        Daemon.Dispose();
        _output.Dispose();
        _daemonInput.Dispose();
        _daemonOutput.Dispose();
    }

    internal static byte[] Command(string task, params byte[] payload) => new TaskCommand(task, payload).Encode();
}
