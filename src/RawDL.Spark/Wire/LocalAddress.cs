using System.Net;
using System.Net.Sockets;

namespace RawDL.Spark;

/// <summary>A place on this machine where the JVM or this process listens: a port of the loopback address, or the path of a Unix domain socket (Spark 4.1 and newer).</summary>
/// <param name="Port">1 to 65535; without meaning beside a path.</param>
/// <param name="Path">The socket file, or null.</param>
internal readonly record struct LocalAddress(int Port, string? Path = null)
{
    /// <summary>127.0.0.1, or ::1 where SPARK_PREFER_IPV6 says so.</summary>
    internal static IPAddress Loopback { get; } =
        string.Equals(Environment.GetEnvironmentVariable("SPARK_PREFER_IPV6"), "true", StringComparison.OrdinalIgnoreCase) ? IPAddress.IPv6Loopback : IPAddress.Loopback;

    internal EndPoint EndPoint => Path is not null ? new UnixDomainSocketEndPoint(Path) : new IPEndPoint(Loopback, Port);

    internal Socket CreateSocket() => Path is not null
        ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        : new Socket(Loopback.AddressFamily, SocketType.Stream, ProtocolType.Tcp);

    /// <summary>Connects.</summary>
    /// <param name="name">The connection, for messages.</param>
    internal Socket Connect(string name)
    {
        if (Path is null && Port is < 1 or > 65535) throw new SparkProtocolException($"{name}: expected a port of 1 to 65535, got {Port}");
        Socket? socket = null;
        try
        {
            socket = CreateSocket();
            socket.Connect(EndPoint);
            return socket;
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            socket?.Dispose();
            throw new ConnectionLostException($"{name}: expected a listener at {(Path is null ? $"port {Port}" : "its socket file")}, got {exception.Message}", exception);
        }
    }
}
