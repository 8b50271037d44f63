using System.Runtime.InteropServices;
using System.Text;

namespace RawDL.NN;

/// <summary>What one replica tells of a round besides its vector.</summary>
internal sealed record RoundContribution
{
    private const int MostText = 4096;

    public required int Rank { get; init; }
    public required long Samples { get; init; }
    public required double LossSum { get; init; }
    public required double ComputeSeconds { get; init; }

    /// <summary>Seconds of reading what the round begins with and of writing what it made.</summary>
    public double TransferSeconds { get; init; }

    /// <summary>Seconds of reading alone.</summary>
    public double FetchSeconds { get; init; }

    /// <summary>When it began, by the clock of its machine, µs since 1970.</summary>
    public double Began { get; init; }

    /// <summary>Mean loss of the replica's batch in each step; NaN where it had none.</summary>
    public required double[] Losses { get; init; }

    /// <summary>The replica's own running statistics.</summary>
    public float[] Statistics { get; init; } = [];

    /// <summary>Where replicas keep optimizer states of their own.</summary>
    public float[] States { get; init; } = [];

    /// <summary>Where it worked.</summary>
    public string Place { get; init; } = "";

    /// <summary>A NaN or an infinity, or null.</summary>
    public TrainingDivergedException? Failure { get; init; }

    /// <summary>The block of bytes of which <see cref="Decode"/> makes the same.</summary>
    public byte[] Encode()
    {
        var text = Encoding.UTF8.GetBytes(string.Join('\0', Place, Failure?.Layer ?? "", Failure?.Message ?? ""));
        if (text.Length > MostText) text = text[..MostText];
        double[] numbers =
        [
            Rank, Samples, LossSum, ComputeSeconds, TransferSeconds, Failure?.Step ?? 0, Losses.Length, Statistics.Length, States.Length, text.Length, FetchSeconds, Began, .. Losses,
        ];
        return [.. MemoryMarshal.AsBytes(numbers.AsSpan()), .. MemoryMarshal.AsBytes(Statistics.AsSpan()), .. MemoryMarshal.AsBytes(States.AsSpan()), .. text];
    }

    /// <exception cref="InvalidDataException">Not what <see cref="Encode"/> writes.</exception>
    public static RoundContribution Decode(ReadOnlySpan<byte> bytes)
    {
        const int Fixed = 12;
        if (bytes.Length < 8 * Fixed) throw Refused(bytes.Length);
        var numbers = MemoryMarshal.Cast<byte, double>(bytes[..(8 * Fixed)]).ToArray();
        if (!(numbers[6] is >= 0 and < 1e9 && numbers[7] is >= 0 and < 1e9 && numbers[8] is >= 0 and < 1e9 && numbers[9] is >= 0 and <= MostText
            && 8 * Fixed + 8 * numbers[6] + 4 * numbers[7] + 4 * numbers[8] + numbers[9] == bytes.Length))
            throw Refused(bytes.Length);
        var rest = bytes[(8 * Fixed)..];
        var losses = MemoryMarshal.Cast<byte, double>(rest[..(8 * (int)numbers[6])]).ToArray();
        rest = rest[(8 * losses.Length)..];
        var statistics = MemoryMarshal.Cast<byte, float>(rest[..(4 * (int)numbers[7])]).ToArray();
        rest = rest[(4 * statistics.Length)..];
        var states = MemoryMarshal.Cast<byte, float>(rest[..(4 * (int)numbers[8])]).ToArray();
        var words = Encoding.UTF8.GetString(rest[(4 * states.Length)..]).Split('\0');
        return new RoundContribution
        {
            Rank = (int)numbers[0],
            Samples = (long)numbers[1],
            LossSum = numbers[2],
            ComputeSeconds = numbers[3],
            TransferSeconds = numbers[4],
            FetchSeconds = numbers[10],
            Began = numbers[11],
            Losses = losses,
            Statistics = statistics,
            States = states,
            Place = words[0],
            Failure = numbers[5] > 0 ? new TrainingDivergedException((long)numbers[5], words.ElementAtOrDefault(1) ?? "", words.ElementAtOrDefault(2) ?? "") : null,
        };
    }

    private static InvalidDataException Refused(int length) => new($"round: expected a replica's report, got {length} other bytes");
}
