using System.Runtime.InteropServices;

namespace RawDL.NN;

/// <summary>What a round makes of the replicas' work.</summary>
internal enum RoundKind
{
    /// <summary>Parameters and optimizer states after k steps, to be averaged.</summary>
    Average,

    /// <summary>The gradient of one step, to be summed.</summary>
    Gradients,
}

/// <summary>All that the replicas of a round begin with. It travels as it lies in memory: both ends are of one program and one byte order.</summary>
internal sealed record RoundStart
{
    private const int HeaderLongs = 10;

    public required RoundKind Kind { get; init; }

    /// <summary>Number of the first step, from 1; the epoch, from 0; samples of it that all replicas have used.</summary>
    public required long FirstStep { get; init; }
    public required int Epoch { get; init; }
    public required int Position { get; init; }

    /// <summary>Learning rate of each step.</summary>
    public required float[] Rates { get; init; }

    /// <summary>Average: each replica's share of the samples.</summary>
    public required float[] Weights { get; init; }

    /// <summary>All parameters.</summary>
    public required float[] Values { get; init; }

    /// <summary>Optimizer states, one behind the other: of all replicas, or where each keeps its own, of the first, the second, …</summary>
    public float[] States { get; init; } = [];

    /// <summary>Gradients: each replica's own running statistics, one behind the other.</summary>
    public float[] Statistics { get; init; } = [];

    /// <summary>Whether replicas keep optimizer states of their own.</summary>
    public bool KeepsStates { get; init; }

    /// <summary>The block of bytes of which <see cref="Decode"/> makes the same, in a buffer that grows as needed.</summary>
    public ReadOnlySpan<byte> Encode(ref byte[] buffer)
    {
        float[][] parts = [Rates, Weights, Values, States, Statistics];
        long[] header = [(long)Kind, FirstStep, Epoch, Position, KeepsStates ? 1 : 0, .. parts.Select(part => (long)part.Length)];
        var length = checked(8 * HeaderLongs + 4 * parts.Sum(part => part.Length));
        if (buffer.Length < length) buffer = new byte[length];
        var bytes = buffer.AsSpan(0, length);
        MemoryMarshal.AsBytes(header.AsSpan()).CopyTo(bytes);
        var at = 8 * HeaderLongs;
        foreach (var part in parts)
        {
            MemoryMarshal.AsBytes(part.AsSpan()).CopyTo(bytes[at..]);
            at += 4 * part.Length;
        }
        return bytes;
    }

    /// <summary>Reads what <see cref="Encode"/> writes.</summary>
    /// <param name="bytes">The block.</param>
    /// <param name="earlier">Another one that is not needed any more: its arrays are used again.</param>
    /// <exception cref="InvalidDataException">Something else.</exception>
    public static RoundStart Decode(ReadOnlySpan<byte> bytes, RoundStart? earlier = null)
    {
        if (bytes.Length < 8 * HeaderLongs) throw Refused(bytes.Length);
        var header = MemoryMarshal.Cast<byte, long>(bytes[..(8 * HeaderLongs)]).ToArray();
        var floats = MemoryMarshal.Cast<byte, float>(bytes[(8 * HeaderLongs)..]);
        long sum = 0;
        foreach (var length in header.AsSpan(5))
        {
            if (length < 0 || length > floats.Length) throw Refused(bytes.Length);
            sum += length;
        }
        if (sum != floats.Length || header[0] is < 0 or > 1 || header[1] < 1 || header[2] is < 0 or > int.MaxValue || header[3] is < 0 or > int.MaxValue) throw Refused(bytes.Length);
        float[][] parts = earlier is null ? [[], [], [], [], []] : [earlier.Rates, earlier.Weights, earlier.Values, earlier.States, earlier.Statistics];
        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i].Length != header[5 + i]) parts[i] = new float[header[5 + i]];
            floats[..parts[i].Length].CopyTo(parts[i]);
            floats = floats[parts[i].Length..];
        }
        return new RoundStart
        {
            Kind = (RoundKind)header[0],
            FirstStep = header[1],
            Epoch = (int)header[2],
            Position = (int)header[3],
            KeepsStates = header[4] != 0,
            Rates = parts[0],
            Weights = parts[1],
            Values = parts[2],
            States = parts[3],
            Statistics = parts[4],
        };
    }

    private static InvalidDataException Refused(int length) => new($"round: expected the beginning of a round, got {length} other bytes");
}
