using System.Net.Sockets;
using System.Text;

namespace RawDL.Spark.Tests;

/// <summary>A Py4J gateway with a table of answers.</summary>
internal sealed class FakeGateway : IDisposable
{
    internal const string Secret = "SECRETTOKEN";
    private readonly Socket _listener = DaemonTests.Listen(out s_port);
    private readonly Dictionary<string, string> _answers;
    [ThreadStatic] private static int s_port;

    internal FakeGateway(params (string Command, string Answer)[] answers)
    {
        Address = new LocalAddress(s_port);
        _answers = answers.ToDictionary(a => a.Command, a => a.Answer);
        new Thread(Accept) { IsBackground = true }.Start();
    }

    internal LocalAddress Address { get; }

    /// <summary>All commands, without their end lines.</summary>
    internal List<string> Commands { get; } = [];

    internal Py4JConnection Open() => Py4JConnection.Open(Address, Secret);

    internal List<string> Deletions()
    {
        lock (Commands) return [.. Commands.Where(c => c.StartsWith("m\nd\n", StringComparison.Ordinal)).Select(c => c[4..]).Order(StringComparer.Ordinal)];
    }

    public void Dispose() => _listener.Dispose();

    private void Accept()
    {
        try
        {
            while (true)
            {
                var socket = _listener.Accept();
                new Thread(() => Serve(socket)) { IsBackground = true }.Start();
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // The test has ended.
        }
    }

    private void Serve(Socket socket)
    {
        using var stream = new NetworkStream(socket, ownsSocket: true);
        using var reader = new StreamReader(stream);
        try
        {
            if (reader.ReadLine() != "A" || reader.ReadLine() != Secret)
            {
                stream.Write("!xsAuthentication error: unexpected authentication token.\n"u8);
                return;
            }
            stream.Write("!yv\n"u8);
            while (ReadCommand(reader) is { } command)
            {
                lock (Commands) Commands.Add(command);
                var answer = _answers.TryGetValue(command, out var known) ? known : command.StartsWith("m\n", StringComparison.Ordinal) ? "!yv" : "!xspy4j.Py4JException: no answer\\n\tat test";
                if (answer.Length == 0) return;
                stream.Write(Encoding.UTF8.GetBytes($"{answer}\n"));
            }
        }
        catch (IOException)
        {
            // The client went away.
        }
    }

    private static string? ReadCommand(StreamReader reader)
    {
        var lines = new List<string>();
        while (reader.ReadLine() is { } line)
        {
            // "a" and "e" is the length of an array, not yet the end.
            if (line == "e" && lines is not ["a"]) return string.Join('\n', lines);
            lines.Add(line);
        }
        return null;
    }
}
