using System.CommandLine;
using System.Text;

namespace RawDL.Cli;

/// <summary>
/// job.py, which spark-submit wants to be there: empty, or the default words of a command line, as in a shell. It is read, never run. <c>#</c> begins a
/// comment, quotes and backslashes work as in a shell, nothing is expanded, lines are only spaces.
/// </summary>
internal static class JobDescription
{
    private const int MaximumBytes = 1 << 16;
    private const string Expected = "expected a rawdl job description, the words of a command line such as train --data mnist";

    /// <summary>The words to run: those of the file, where the line says nothing else.</summary>
    /// <param name="path">The file.</param>
    /// <param name="line">The words behind it on spark-submit's line.</param>
    /// <exception cref="UsageException">The file is something else, or does not fit the line.</exception>
    public static string[] Apply(string path, string[] line) => Apply(Message.OneLine(path, 200), Read(path), line);

    /// <summary>As the other one, with the file's content.</summary>
    public static string[] Apply(string name, byte[] content, string[] line)
    {
        var words = Split(name, content);
        return words.Count == 0 ? line : Merge(name, [.. words], line);
    }

    private static byte[] Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            var content = new byte[MaximumBytes + 1];
            return content[..file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false)];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{Message.OneLine(path, 200)}: {Expected}, got a file that cannot be read ({failure.Message})");
        }
    }

    private static string[] Merge(string name, string[] words, string[] line)
    {
        var root = Application.CreateRoot();
        var file = CommandWords.Read(root, root, words);
        var given = CommandWords.Read(root, root, line);
        // A command on the line wins. Without one the line continues the file's.
        var own = given.Path.Count > 0;
        if (own && file.Path.Count == 0) file = CommandWords.Read(root, given.Command, words);
        if (!own) given = CommandWords.Read(root, file.Command, line);
        foreach (var (option, written) in file.Options)
            if (option is null) throw Refuse(name, file.Command is RootCommand ? Message.Quote(written[0]) : $"{Message.Quote(written[0])}, which is no option of {file.Command.Name}");
        if (file.Path.Count == 0 && file.Operands is [var first, ..]) throw Refuse(name, Message.Quote(first));
        if (own && file.Path.Count > 0 && file.Command != given.Command) RequireFit(name, root, file, given.Command);
        var replaced = given.Options.Select(option => option.Option?.Name).ToHashSet();
        List<string> merged = [.. own ? [] : file.Path, .. given.Path];
        foreach (var (option, written) in file.Options)
            if (!replaced.Contains(option!.Name)) merged.AddRange(written);
        foreach (var (_, written) in given.Options) merged.AddRange(written);
        merged.AddRange(given.Operands.Count > 0 ? given.Operands : file.Operands);
        return [.. merged];
    }

    private static void RequireFit(string name, RootCommand root, CommandWords file, Command command)
    {
        var stray = file.Options.Where(option => CommandWords.Find(root, command, option.Option!.Name) is null).Select(option => option.Words[0]).Concat(file.Operands).FirstOrDefault();
        if (stray is not null) throw new UsageException($"{name}: expected options of {command.Name}, the command on the line, got {Message.Quote(stray)} of {file.Command.Name}");
    }

    private static List<string> Split(string name, byte[] content)
    {
        if (content.Length > MaximumBytes) throw Refuse(name, $"more than {MaximumBytes} bytes");
        string text;
        try
        {
            text = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(content);
        }
        catch (DecoderFallbackException)
        {
            throw Refuse(name, "bytes that are no UTF-8 text");
        }
        if (text.StartsWith('\uFEFF')) text = text[1..];
        if (text.AsSpan().IndexOfAnyInRange('\0', '\b') >= 0) throw Refuse(name, "control characters");
        try
        {
            return ShellWords.Split(text);
        }
        catch (FormatException open)
        {
            throw Refuse(name, open.Message);
        }
    }

    private static UsageException Refuse(string name, string what) => new($"{name}: {Expected}, got {what}");
}
