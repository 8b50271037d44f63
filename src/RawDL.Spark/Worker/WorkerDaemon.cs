using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace RawDL.Spark;

/// <summary>The <c>pyspark.daemon</c> of an executor: one process that serves each connection by a thread, so that tasks share broadcasts, models and the device.</summary>
internal sealed class WorkerDaemon : IDisposable
{
    private const int Backlog = 1024, MaximumSecret = 1024;
    private static readonly TimeSpan s_authenticationTime = TimeSpan.FromSeconds(10);
    private readonly WorkerSettings _settings;
    private readonly TaskCatalog _catalog;
    private readonly BroadcastStore _store = new();
    private readonly ConcurrentDictionary<int, TaskConnection> _connections = new();
    private readonly Socket _listener;

    internal WorkerDaemon(WorkerSettings settings, TaskCatalog catalog)
    {
        (_settings, _catalog) = (settings, catalog);
        Address = new LocalAddress(0, settings.SocketFolder is { } folder ? Path.Combine(folder, $".rawdl-{RandomNumberGenerator.GetHexString(16)}.sock") : null);
        _listener = Address.CreateSocket();
        _listener.Bind(Address.EndPoint);
        _listener.Listen(Backlog);
        if (_listener.LocalEndPoint is IPEndPoint bound) Address = new LocalAddress(bound.Port);
    }

    /// <summary>Where it listens.</summary>
    internal LocalAddress Address { get; }

    /// <summary>Broadcasts that any connection holds.</summary>
    internal int BroadcastCount => _store.Count;

    /// <summary>Connections that are served.</summary>
    internal int ConnectionCount => _connections.Count;

    /// <summary>Tells the JVM the address, serves, and returns when the JVM ends.</summary>
    /// <param name="input">Numbers of connections to kill; its end means that the JVM is gone.</param>
    /// <param name="output">Gets the port or the path before anything else.</param>
    internal void Run(Stream input, Stream output)
    {
        var hello = new WireWriter(output, "standard output");
        if (Address.Path is { } path) hello.WriteText(path);
        else hello.WriteInt(Address.Port);
        new Thread(Accept) { IsBackground = true, Name = "rawdl-spark-accept" }.Start();
        hello.Flush();
        Span<byte> number = stackalloc byte[4];
        while (input.ReadAtLeast(number, 4, throwOnEndOfStream: false) == 4)
        {
            // Our own process id names no connection: the JVM closes the right one at the same moment.
            if (!_settings.AnswersProcessId && _connections.TryGetValue(BinaryPrimitives.ReadInt32BigEndian(number), out var victim)) victim.Cancel();
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        if (Address.Path is { } path) File.Delete(path);
    }

    private void Accept()
    {
        for (var number = 1; ; number++)
        {
            Socket socket;
            try
            {
                socket = _listener.Accept();
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            catch (SocketException exception)
            {
                if (exception.SocketErrorCode is SocketError.OperationAborted or SocketError.Interrupted or SocketError.InvalidArgument) return;
                Thread.Sleep(10);   // No descriptors left: some come back.
                continue;
            }
            Start(socket, number);
        }
    }

    // The number goes out at once, before the secret: the JVM waits for it under a lock that all its tasks need.
    private void Start(Socket socket, int number)
    {
        try
        {
            var answer = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(answer, _settings.AnswersProcessId ? Environment.ProcessId : number);
            socket.Send(answer);
            new Thread(() => Serve(socket, number)) { IsBackground = true, Name = $"rawdl-spark-{number}" }.Start();
        }
        catch (Exception exception) when (exception is SocketException or OutOfMemoryException)
        {
            socket.Dispose();
        }
    }

    private void Serve(Socket socket, int number)
    {
        using var connection = new TaskConnection(socket, _settings, _catalog, _store);
        try
        {
            if (Address.Path is null && !Authenticate(socket, connection)) return;
            _connections[number] = connection;
            if (_settings.ServesTasks) connection.Serve();
            else connection.Refuse("ModuleNotFoundError: No module named 'pyspark'");
        }
        catch (CommunicationException)
        {
            // Whoever connected went away or was not the JVM.
        }
        catch (Exception exception)
        {
            Console.Error.WriteLine($"rawdl: worker connection {number}: {exception}");
        }
        finally
        {
            _connections.TryRemove(number, out _);
        }
    }

    private bool Authenticate(Socket socket, TaskConnection connection)
    {
        socket.ReceiveTimeout = (int)s_authenticationTime.TotalMilliseconds;
        var secret = connection.Reader.ReadBytes(connection.Reader.ReadLength(MaximumSecret));
        var accepted = _settings.Secret.Length > 0 && CryptographicOperations.FixedTimeEquals(secret, Encoding.UTF8.GetBytes(_settings.Secret));
        connection.Writer.WriteText(accepted ? "ok" : "err");
        connection.Writer.Flush();
        socket.ReceiveTimeout = 0;
        return accepted;
    }
}
