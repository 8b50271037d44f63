using System.Text;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>An exception of the JVM: one line with what its causes say, and the stack beside it.</summary>
public sealed class JavaException : Exception
{
    private readonly string[] _texts;

    internal JavaException(IReadOnlyList<(string Class, string Message)> chain, string stack) : base(Compose(chain, stack))
    {
        ClassName = chain.Count > 0 ? chain[0].Class : "";
        Stack = stack;
        Failure = FindFailure(chain, stack);
        _texts = [.. chain.Select(c => c.Message)];
    }

    /// <summary>The Java class, such as <c>org.apache.spark.SparkException</c>; empty if the gateway itself refused the call.</summary>
    public string ClassName { get; }

    /// <summary>Java's stack trace with its causes, several lines, for -v.</summary>
    public string Stack { get; }

    /// <summary>The task's own exception, if the job failed because of one.</summary>
    public TaskFailure? Failure { get; }

    /// <summary>True if the job was cancelled rather than failed.</summary>
    public bool IsCancellation => Failure is null && _texts.Any(text => text.Contains("cancelled", StringComparison.Ordinal));

    /// <inheritdoc/>
    public override string ToString() => $"{base.ToString()}\n{Stack}";

    private static TaskFailure? FindFailure(IReadOnlyList<(string Class, string Message)> chain, string stack)
    {
        foreach (var (_, message) in chain)
            if (TaskFailure.Find(message) is { } failure) return failure;
        return TaskFailure.Find(stack);
    }

    private static string Compose(IReadOnlyList<(string Class, string Message)> chain, string stack)
    {
        if (FindFailure(chain, stack) is { } failure) return RawFileException.OneLine($"task failed: {failure}");
        var line = new StringBuilder();
        foreach (var (name, message) in chain)
        {
            var text = FirstLine(message);
            if (line.Length > 0 && (text.Length == 0 || line.ToString().Contains(text, StringComparison.Ordinal))) continue;
            var type = name.AsSpan(name.LastIndexOf('.') + 1);
            line.Append(line.Length == 0 ? "" : "; ").Append(type).Append(text.Length == 0 || type.Length == 0 ? "" : ": ").Append(text);
        }
        return RawFileException.OneLine(line.Length > 0 ? line.ToString() : FirstLine(stack));
    }

    private static string FirstLine(string text)
    {
        var trimmed = text.AsSpan().TrimStart();
        var end = trimmed.IndexOfAny('\r', '\n');
        return (end < 0 ? trimmed : trimmed[..end]).TrimEnd().ToString();
    }
}
