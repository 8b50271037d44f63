using System.Globalization;
using System.Text.RegularExpressions;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>
/// What went wrong in a task, as it travels to the driver inside the texts of Java's exceptions. Spark 4.2 and newer tell neither stage nor executor
/// beside it, and the Java class differs between releases, so all that matters stands in the first line behind a mark.
/// </summary>
/// <param name="Type">The exception's name, without its namespace.</param>
/// <param name="Partition">-1 if the header could not be read.</param>
/// <param name="Attempt">0 for the first.</param>
/// <param name="Host">The executor's.</param>
/// <param name="Message">One line.</param>
public sealed partial record TaskFailure(string Type, int Partition, int Attempt, string Host, string Message)
{
    private const int MaximumStack = 1 << 16;

    /// <inheritdoc/>
    public override string ToString() => Partition < 0 ? $"executor on {Host}: {Message}" : $"partition {Partition}, attempt {Attempt} on {Host}: {Message}";

    internal static string Compose(Exception exception, int partition, int attempt)
    {
        var stack = exception.ToString();
        return string.Create(CultureInfo.InvariantCulture, $"[rawdl {exception.GetType().Name} {partition} {attempt} {Environment.MachineName}] {RawFileException.OneLine(exception.Message)}\n{(stack.Length > MaximumStack ? stack[..MaximumStack] : stack)}");
    }

    /// <summary>The last failure in a text, which is the one that Spark gave up on; null without any.</summary>
    internal static TaskFailure? Find(string text)
    {
        if (Line().Matches(text) is not [.., var found]) return null;
        return new TaskFailure(found.Groups[1].Value, Number(found.Groups[2]), Number(found.Groups[3]), found.Groups[4].Value, found.Groups[5].Value);

        static int Number(Group group) => int.TryParse(group.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : -1;
    }

    [GeneratedRegex(@"\[rawdl (\S+) (-?\d+) (-?\d+) (\S+)\] ([^\r\n]*)", RegexOptions.CultureInvariant)]
    private static partial Regex Line();
}
