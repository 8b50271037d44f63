using System.Text;

namespace RawDL.Spark;

/// <summary>The command of a task: a mark, the task's name, and bytes for it.</summary>
/// <param name="Name">ASCII, 1 to 255 characters.</param>
/// <param name="Payload">The task's own format.</param>
internal readonly record struct TaskCommand(string Name, ReadOnlyMemory<byte> Payload)
{
    private static ReadOnlySpan<byte> Mark => "RDL1"u8;

    internal byte[] Encode()
    {
        if (Name.Length is 0 or > 255 || !Ascii.IsValid(Name)) throw new ArgumentException($"task: expected a name of 1 to 255 ASCII characters, got '{Name}'");
        return [.. Mark, (byte)Name.Length, .. Encoding.ASCII.GetBytes(Name), .. Payload.Span];
    }

    /// <exception cref="SparkProtocolException">Another program's command.</exception>
    internal static TaskCommand Decode(ReadOnlyMemory<byte> command)
    {
        var bytes = command.Span;
        if (bytes.Length <= Mark.Length || !bytes.StartsWith(Mark) || bytes.Length < Mark.Length + 1 + bytes[Mark.Length])
            throw new SparkProtocolException($"task: expected a command of this program, got {bytes.Length} bytes of another");
        var payload = Mark.Length + 1 + bytes[Mark.Length];
        return new TaskCommand(Encoding.ASCII.GetString(bytes[(Mark.Length + 1)..payload]), command[payload..]);
    }
}
