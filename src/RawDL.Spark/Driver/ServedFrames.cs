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
        if (triple.Elements(3) is not [var address, var secret, var server]) throw new SparkProtocolException("results: expected address, secret and server");
        _server = server.Object;
        try
        {
            _socket = LocalSocket.Open(address.Address, secret.TextOrNull, "results");
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
