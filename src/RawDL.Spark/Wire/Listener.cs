using System.Net;
using System.Net.Sockets;

namespace RawDL.Spark;

/// <summary>Waits for connections at a free port of one of this machine's addresses.</summary>
internal sealed class Listener : IDisposable
{
    private readonly Socket _socket;

    /// <exception cref="SocketException">The address is none of this machine's.</exception>
    internal Listener(IPAddress address, int backlog)
    {
        _socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            _socket.Bind(new IPEndPoint(address, 0));
            _socket.Listen(backlog);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
        EndPoint = (IPEndPoint)_socket.LocalEndPoint!;
    }

    /// <summary>Where it listens.</summary>
    internal IPEndPoint EndPoint { get; }

    /// <summary>The next connection, or null once it is closed.</summary>
    internal Socket? Accept()
    {
        try
        {
            return _socket.Accept();
        }
        catch (Exception closed) when (closed is ObjectDisposedException or SocketException)
        {
            return null;
        }
    }

    public void Dispose() => _socket.Dispose();
}
