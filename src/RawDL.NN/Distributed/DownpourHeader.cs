using System.Runtime.InteropServices;
using System.Text;

namespace RawDL.NN;

/// <summary>What stands before the values of every message between clients and parameter servers: eight numbers of 8 bytes in the place of 16 float32, in the order of the properties.</summary>
/// <remarks>All ranks are of one program and one byte order. Server s of S has the parameters P·s/S to P·(s + 1)/S, rounded down, of P trainable ones.</remarks>
internal readonly record struct DownpourHeader
{
    /// <summary>Place of the header, in float32.</summary>
    public const int Length = 16;

    /// <summary>See <see cref="DownpourTag"/>.</summary>
    public long Version { get; init; }

    /// <summary>Samples trained on and the sum of their losses.</summary>
    public double Samples { get; init; }
    public double LossSum { get; init; }

    /// <summary>The schedule's rate over its base rate.</summary>
    public double Rate { get; init; }

    /// <summary>Seconds.</summary>
    public double ComputeSeconds { get; init; }
    public double WaitSeconds { get; init; }
    public double TransferSeconds { get; init; }

    /// <summary>Bytes sent to all servers.</summary>
    public double Bytes { get; init; }

    public void Write(Span<float> message) => MemoryMarshal.Write(MemoryMarshal.AsBytes(message), in this);

    public static DownpourHeader Read(ReadOnlySpan<float> message) => MemoryMarshal.Read<DownpourHeader>(MemoryMarshal.AsBytes(message));

    /// <summary>First parameter of a server; that of the one behind the last is their number.</summary>
    public static int Start(int server, int servers, int parameters) => (int)((long)parameters * server / servers);

    /// <summary>A message of header and text.</summary>
    public float[] WithText(string text)
    {
        var message = new float[Length + (Encoding.UTF8.GetByteCount(text) + 3) / 4];
        Write(message);
        Encoding.UTF8.GetBytes(text, MemoryMarshal.AsBytes(message.AsSpan(Length)));
        return message;
    }

    /// <summary>The text of what follows a header.</summary>
    public static string Text(ReadOnlySpan<float> values) => Encoding.UTF8.GetString(MemoryMarshal.AsBytes(values)).TrimEnd('\0');

    /// <summary>Refuses a message of a wrong length.</summary>
    /// <exception cref="CommunicationException">One line.</exception>
    public static void RequireLength(MessageEnvelope message, int values)
    {
        if (message.Count != Length + values)
            throw new CommunicationException($"downpour: expected {(DownpourTag)message.Tag} with {values} values from rank {message.Source}, got {message.Count - Length}");
    }
}
