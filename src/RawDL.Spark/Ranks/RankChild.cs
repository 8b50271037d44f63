using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace RawDL.Spark;

/// <summary>
/// The begin of a process that <see cref="RankTask"/> started, before it touches MPI: a session of its own, an end as soon as its task is gone, and a
/// socket that the MPI library takes for its process manager. The task learns first whether the library is there.
/// </summary>
public static partial class RankChild
{
    /// <summary>The variable that marks such a process.</summary>
    internal const string Variable = "RAWDL_RANK";

    /// <summary>The variable with the path of packed training data, where a rank's data lies; set in such processes alone.</summary>
    public const string DataVariable = "RAWDL_RANK_DATA";

    internal const string Ready = "ready";
    private const int MaximumLine = 4096, TaskGone = 97, NoServer = 6;

    // The library uses the socket until the process ends.
    private static Socket? s_manager;

    /// <summary>Does nothing in other processes. In a rank it returns when rank, size and manager are in the environment.</summary>
    /// <param name="missing">Looks for the MPI library; a line that says what is missing, or null.</param>
    public static void Begin(Func<string?> missing)
    {
        ArgumentNullException.ThrowIfNull(missing);
        if (Environment.GetEnvironmentVariable(Variable) is null) return;
        Environment.SetEnvironmentVariable(Variable, null);
        // Where the system shares time among sessions, as with autogroup, each rank needs one.
        _ = setsid();
        var lack = missing();
        using (var output = Console.OpenStandardOutput()) output.Write(Encoding.UTF8.GetBytes($"{lack ?? Ready}\n"));
        var begin = ReadLine();
        new Thread(EndWithTask, 1 << 18) { IsBackground = true, Name = "rawdl-rank-parent" }.Start();
        Connect(new PmiLine(begin));
    }

    /// <summary>The line by which a task sends its rank off. What it holds is secret, so it is no argument and no variable.</summary>
    internal static string BeginLine(int rank, int size, IPEndPoint manager, string token) =>
        string.Create(CultureInfo.InvariantCulture, $"cmd=begin rank={rank} size={size} manager={manager} token={token}");

    private static void Connect(PmiLine begin)
    {
        if (begin.Number("rank") is not { } rank || begin.Number("size") is not { } size || !IPEndPoint.TryParse(begin["manager"] ?? "", out var manager) || begin["token"] is not { } token)
            throw new SparkProtocolException("rank: expected a line with rank, size, manager and token, got another");
        try
        {
            s_manager = new Socket(manager.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            s_manager.Connect(manager);
            LineConnection.Prepare(s_manager);
            s_manager.Send(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"cmd=auth token={token} id={rank}\n")));
        }
        catch (SocketException exception)
        {
            Console.Error.WriteLine($"rawdl: rank {rank}: expected the first task at {manager}, got {exception.Message}");
            Environment.Exit(NoServer);
        }
        Set("PMI_RANK", rank);
        Set("PMI_SIZE", size);
        Set("PMI_FD", (int)s_manager.Handle);
    }

    // The program looks in .NET's environment, the library in that of C.
    private static void Set(string name, int value)
    {
        var text = value.ToString(CultureInfo.InvariantCulture);
        Environment.SetEnvironmentVariable(name, text);
        _ = setenv(name, text, 1);
    }

    // Byte by byte, as nothing behind the line may be taken.
    private static string ReadLine()
    {
        var line = new List<byte>();
        while (ReadByte() is var next && next != '\n')
        {
            if (next < 0 || line.Count == MaximumLine) _exit(TaskGone);
            line.Add((byte)next);
        }
        return Encoding.Latin1.GetString([.. line]);
    }

    private static void EndWithTask()
    {
        while (ReadByte() >= 0) { }
        _exit(TaskGone);
    }

    private static unsafe int ReadByte()
    {
        byte value;
        nint count;
        do count = read(0, &value, 1);
        while (count < 0 && Marshal.GetLastPInvokeError() == 4);  // EINTR
        return count == 1 ? value : -1;
    }

    [LibraryImport("libc")]
    private static partial int setsid();

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial nint read(int file, byte* buffer, nint count);

    [LibraryImport("libc")]
    private static partial void _exit(int code);
}
