namespace RawDL.Spark;

/// <summary>The elements of a finished job, as the JVM serves them.</summary>
public sealed class ServedFrames : IDisposable
{
    private readonly JavaObject _server;
    private readonly LocalSocket _socket;
    private readonly FrameReader _frames;

    internal ServedFrames(JavaValue served)
    {
        using var triple = served.Object;
        var address = triple.ElementAt(0).Address;
        var secret = triple.ElementAt(1).TextOrNull;
        _server = triple.ElementAt(2).Object;
        try
        {
            _socket = LocalSocket.Open(address, secret, "results");
        }
        catch
        {
            _server.Dispose();
            throw;
        }
        _frames = new FrameReader(_socket.Reader, FrameEnd.Connection);
    }

    /// <summary>True if the element is null.</summary>
    public bool IsNull => _frames.IsNull;

    /// <summary>The element; valid until the next <see cref="MoveNext"/>.</summary>
    public ReadOnlyMemory<byte> Current => _frames.Current;

    /// <summary>Goes to the next element; false after the last.</summary>
    /// <exception cref="JavaException">The JVM could not serve all.</exception>
    public bool MoveNext()
    {
        if (_frames.MoveNext()) return true;
        _server.CallVoid("getResult");
        return false;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
        _server.Dispose();
    }

    internal List<byte[]?> ToList()
    {
        var elements = new List<byte[]?>();
        while (MoveNext()) elements.Add(IsNull ? null : Current.ToArray());
        return elements;
    }
}
