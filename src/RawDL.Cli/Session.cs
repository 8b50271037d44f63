using System.CommandLine;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using RawDL.NN;
using Spectre.Console;

namespace RawDL.Cli;

/// <summary>One call of the program: its streams, and how it may speak. Results go to <see cref="Out"/>, all else to <see cref="Error"/>.</summary>
internal sealed class Session
{
    // The document goes to a file or a pipe, never into a web page: quotes may stand as they are.
    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly bool _json;
    private readonly string? _jsonFile;
    private readonly bool _color;
    private readonly bool _silent;

    private Session(ParseResult parsed, int rank)
    {
        _silent = rank > 0;
        Out = _silent ? TextWriter.Null : parsed.InvocationConfiguration.Output;
        Error = _silent ? TextWriter.Null : parsed.InvocationConfiguration.Error;
        Quiet = _silent || parsed.GetValue(GlobalOptions.Quiet);
        _json = parsed.GetValue(GlobalOptions.Json);
        _jsonFile = parsed.GetValue(GlobalOptions.JsonFile);
        var terminal = Environment.GetEnvironmentVariable("TERM");
        Interactive = ReferenceEquals(Error, Console.Error) && !Console.IsOutputRedirected && !Console.IsErrorRedirected
            && (OperatingSystem.IsWindows() || terminal is not (null or "" or "dumb"))
            && Environment.GetEnvironmentVariable("CI") is null && !Quiet;
        // NO_COLOR counts when it is there and not empty: no-color.org.
        _color = Interactive && !parsed.GetValue(GlobalOptions.NoColor) && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
    }

    public TextWriter Out { get; }

    public TextWriter Error { get; }

    public bool Quiet { get; }

    /// <summary>A person watches: cursor movement and redrawing are welcome.</summary>
    public bool Interactive { get; }

    /// <summary>The session of a rank: silent on all but rank 0.</summary>
    public static Session Open(ParseResult parsed, int rank = 0) => new(parsed, rank);

    /// <summary>A message for people.</summary>
    public void Say(string line)
    {
        if (!Quiet) Error.WriteLine(line);
    }

    /// <summary>A warning: shown even with --quiet.</summary>
    public void Warn(string line) => Error.WriteLine($"warning: {line}");

    /// <summary>The result of the command, for people or as JSON, as asked.</summary>
    public void Emit(Action<Utf8JsonWriter> json, Action<TextWriter> text)
    {
        if (_silent) return;
        if (_json || _jsonFile is not null)
        {
            using var bytes = new MemoryStream();
            using (var writer = new Utf8JsonWriter(bytes, Indented)) json(writer);
            bytes.WriteByte((byte)'\n');
            if (_jsonFile is not null) Durable.WriteAllBytes(_jsonFile, bytes.ToArray());
            if (_json) Out.Write(Encoding.UTF8.GetString(bytes.ToArray()));
        }
        if (!_json) text(Out);
        Out.Flush();
    }

    /// <summary>A terminal of our own making: the library's static one writes escapes into files.</summary>
    public IAnsiConsole CreateTerminal() => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Ansi = Interactive ? AnsiSupport.Yes : AnsiSupport.No,
        Interactive = Interactive ? InteractionSupport.Yes : InteractionSupport.No,
        ColorSystem = _color ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        Out = new AnsiConsoleOutput(Error),
    });
}
