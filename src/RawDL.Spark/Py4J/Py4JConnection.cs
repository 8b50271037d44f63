using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace RawDL.Spark;

/// <summary>
/// One connection to the JVM's Py4J gateway, which is one thread of the JVM: job groups, descriptions and the active session belong to it. A command at a
/// time; a job blocks it, so another connection cancels. References that were disposed are deleted together with the next command.
/// </summary>
internal sealed class Py4JConnection : IDisposable
{
    private const int MaximumReply = 1 << 30, MaximumCauses = 16, MaximumDeletions = 1000;
    private readonly Lock _lock = new();
    private readonly ConcurrentQueue<string> _released = new();
    private readonly PromptStream _stream;
    private readonly WireWriter _writer;
    private readonly JavaCommand _command = new();
    private byte[] _buffer = new byte[1 << 14];
    private int _start;
    private int _end;
    private int _references;
    private bool _describing;

    private Py4JConnection(PromptStream stream) => (_stream, _writer) = (stream, new WireWriter(stream, "gateway"));

    /// <summary>References that the gateway gave and that were not disposed.</summary>
    internal int References => _references;

    /// <summary>Connects and authenticates.</summary>
    /// <exception cref="SparkProtocolException">The gateway refuses the secret.</exception>
    internal static Py4JConnection Open(LocalAddress address, string secret)
    {
        var connection = new Py4JConnection(new PromptStream(address.Connect("gateway")));
        try
        {
            connection._command.Line("A").Line(secret);
            var reply = connection.Send(0);
            return reply.StartsWith("!yv"u8) ? connection : throw new SparkProtocolException($"gateway: expected its consent to the secret, got {Encoding.UTF8.GetString(reply)}");
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Calls a constructor.</summary>
    internal JavaObject New(string className, params ReadOnlySpan<JavaValue> arguments)
    {
        lock (_lock)
        {
            var deletions = WriteDeletions();
            _command.Line("i").Line(className).Values(arguments).End();
            return Parse(Send(deletions)).Object;
        }
    }

    /// <summary>Calls a static method.</summary>
    internal JavaValue Static(string className, string method, params ReadOnlySpan<JavaValue> arguments) => Call($"z:{className}", method, arguments);

    internal JavaValue Call(string target, string method, ReadOnlySpan<JavaValue> arguments)
    {
        lock (_lock)
        {
            var deletions = WriteDeletions();
            _command.Line("c").Line(target).Line(method).Values(arguments).End();
            return Parse(Send(deletions));
        }
    }

    /// <summary>Calls a static method that never answers, such as System.exit.</summary>
    internal void StaticWithoutReply(string className, string method, params ReadOnlySpan<JavaValue> arguments)
    {
        lock (_lock)
        {
            _command.Clear();
            _command.Line("c").Line($"z:{className}").Line(method).Values(arguments).End();
            _writer.WriteRaw(_command.Bytes);
            _writer.Flush();
        }
    }

    /// <summary>The first elements of an array, in one round trip.</summary>
    internal JavaValue[] ArrayElements(string array, int count)
    {
        lock (_lock)
        {
            var deletions = WriteDeletions();
            for (var i = 0; i < count; i++) _command.Line("a").Line("g").Line(array).Value(i).End();
            // All replies are read before the first one may throw.
            var replies = new byte[count][];
            replies[0] = Send(deletions).ToArray();
            for (var i = 1; i < count; i++) replies[i] = ReadLine().ToArray();
            return System.Array.ConvertAll(replies, reply => Parse(reply));
        }
    }

    internal int ArrayLength(string array)
    {
        lock (_lock)
        {
            var deletions = WriteDeletions();
            _command.Line("a").Line("e").Line(array).End();
            return Parse(Send(deletions)).Int;
        }
    }

    internal JavaObject NewArray(string elementClass, params ReadOnlySpan<JavaValue> elements)
    {
        JavaObject array;
        lock (_lock)
        {
            var deletions = WriteDeletions();
            _command.Line("a").Line("c").Value(elementClass).Value(elements.Length).End();
            array = Parse(Send(deletions)).Object;
        }
        for (var i = 0; i < elements.Length; i++)
            lock (_lock)
            {
                var deletions = WriteDeletions();
                _command.Line("a").Line("s").Line(array.Target).Value(i).Value(elements[i]).End();
                Parse(Send(deletions));
            }
        return array;
    }

    internal void Release(string id)
    {
        Interlocked.Decrement(ref _references);
        _released.Enqueue(id);
    }

    /// <summary>Deletes what was released and waits until it is done.</summary>
    internal void DeleteReleased()
    {
        lock (_lock)
            while (!_released.IsEmpty)
            {
                var deletions = WriteDeletions();
                if (deletions > 0) Send(deletions - 1);
            }
    }

    public void Dispose() => _stream.Dispose();

    private int WriteDeletions()
    {
        _command.Clear();
        var count = 0;
        while (count < MaximumDeletions && _released.TryDequeue(out var id))
        {
            _command.Line("m").Line("d").Line(id).End();
            count++;
        }
        return count;
    }

    // All commands leave in one write; the reply of the last one counts.
    private ReadOnlySpan<byte> Send(int repliesBefore)
    {
        _writer.WriteRaw(_command.Bytes);
        _writer.Flush();
        _command.Clear();
        for (; repliesBefore > 0; repliesBefore--) ReadLine();
        return ReadLine();
    }

    private ReadOnlySpan<byte> ReadLine()
    {
        for (var searched = 0; ;)
        {
            var end = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (end >= 0)
            {
                var line = _buffer.AsSpan(_start, searched + end);
                _start += searched + end + 1;
                return line;
            }
            searched = _end - _start;
            if (_start > 0)
            {
                _buffer.AsSpan(_start, searched).CopyTo(_buffer);
                (_start, _end) = (0, searched);
            }
            if (_end == _buffer.Length)
            {
                if (_end >= MaximumReply) throw new SparkProtocolException($"gateway: expected a reply of at most {MaximumReply} bytes, got more");
                System.Array.Resize(ref _buffer, 2 * _buffer.Length);
            }
            _end += Receive();
        }
    }

    private int Receive()
    {
        try
        {
            if (_stream.Read(_buffer.AsSpan(_end)) is var count and > 0) return count;
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            throw new ConnectionLostException("gateway: expected a reply of the JVM, got a closed connection", exception);
        }
        throw new ConnectionLostException("gateway: expected a reply of the JVM, got its end");
    }

    private JavaValue Parse(ReadOnlySpan<byte> reply)
    {
        if (reply.Length < 3 || reply[0] != '!') throw new SparkProtocolException($"gateway: expected a reply of Py4J, got '{Encoding.UTF8.GetString(reply[..Math.Min(reply.Length, 80)])}'");
        if (reply[1] == 'y') return ParseValue((JavaKind)reply[2], reply[3..]);
        if (reply[1] == 'x' && reply[2] == 'r') throw Describe(Encoding.ASCII.GetString(reply[3..]));
        var text = Unescape(reply[2] == 's' ? reply[3..] : reply[2..]);
        throw new JavaException([("", text)], text);
    }

    private JavaValue ParseValue(JavaKind kind, ReadOnlySpan<byte> text)
    {
        switch (kind)
        {
            case JavaKind.Void: return JavaValue.Void;
            case JavaKind.Null: return JavaValue.Null;
            case JavaKind.Boolean: return text.SequenceEqual("true"u8);
            case JavaKind.Int when int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value): return value;
            case JavaKind.Long when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value): return value;
            // Java writes NaN and Infinity as .NET's invariant culture does.
            case JavaKind.Double when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value): return value;
            case JavaKind.Text or JavaKind.Decimal: return Unescape(text);
            case JavaKind.Bytes when Base64.IsValid(text, out var length):
                var bytes = new byte[length];
                Base64.DecodeFromUtf8(text, bytes, out _, out _);
                return bytes;
            case JavaKind.Reference or JavaKind.Array or JavaKind.List or JavaKind.Set or JavaKind.Map or JavaKind.Iterator when text.Length > 0:
                Interlocked.Increment(ref _references);
                return new JavaObject(this, Encoding.ASCII.GetString(text));
            default:
                throw new SparkProtocolException($"gateway: expected a value, got '{(char)kind}{Encoding.UTF8.GetString(text[..Math.Min(text.Length, 80)])}'");
        }
    }

    private static string Unescape(ReadOnlySpan<byte> bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        if (!text.Contains('\\')) return text;
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
            result.Append(text[i] != '\\' || i + 1 == text.Length ? text[i] : text[++i] switch { 'n' => '\n', 'r' => '\r', var other => other });
        return result.ToString();
    }

    private JavaException Describe(string id)
    {
        Interlocked.Increment(ref _references);
        var throwable = new JavaObject(this, id);
        try
        {
            if (_describing) return new JavaException([("", "an exception while another one was described")], "");
            _describing = true;
            var stack = Stack(throwable);
            var chain = new List<(string, string)>();
            for (JavaObject? cause = throwable; cause is not null && chain.Count < MaximumCauses;)
            {
                using var held = cause;
                using var type = cause.CallObject("getClass");
                chain.Add((type.Call("getName").Text, cause.Call("getMessage").TextOrNull ?? ""));
                cause = cause.Call("getCause").ObjectOrNull;
                throwable = cause ?? throwable;
            }
            return new JavaException(chain, stack);
        }
        finally
        {
            _describing = false;
            throwable.Dispose();
        }
    }

    private string Stack(JavaObject throwable)
    {
        var deletions = WriteDeletions();
        _command.Line("p").Value(throwable).End();
        return Parse(Send(deletions)).Text;
    }
}
