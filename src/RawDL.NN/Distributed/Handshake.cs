using System.Security.Cryptography;
using System.Text;

namespace RawDL.NN;

/// <summary>Before the first step: do all ranks run the same program with the same network, configuration and data?</summary>
internal static class Handshake
{
    private const int DigestBytes = 32;

    /// <summary>Compares with rank 0. Every rank calls it.</summary>
    /// <exception cref="CommunicationException">On every rank, when one differs; the message names the first and what differs.</exception>
    public static void Check(ICommunicator world, TrainingConfiguration configuration, Model model, Dataset train)
    {
        if (world.Size == 1) return;
        Check(world, Facts(configuration, ("parameter layout", model.Parameters.Layout), ("training data", $"{train.Count} samples {train.SampleShape} of {train.Classes} classes")));
    }

    /// <summary>The same for ranks that have no model: program and configuration.</summary>
    /// <exception cref="CommunicationException">On every rank, when one differs.</exception>
    public static void Check(ICommunicator world, TrainingConfiguration configuration) => Check(world, Facts(configuration));

    private static (string Name, string Value)[] Facts(TrainingConfiguration configuration, params ReadOnlySpan<(string, string)> more) =>
    [
        ("version", typeof(Handshake).Assembly.GetName().Version?.ToString() ?? ""),
        ("seed", configuration.Seed.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        // What differs in these differs in the whole configuration too, and says more.
        .. more,
        ("configuration", Fingerprint((configuration with { Data = null }).ToJson())),
    ];

    private static void Check(ICommunicator world, (string Name, string Value)[] facts)
    {
        var mine = new byte[facts.Length * DigestBytes];
        for (var i = 0; i < facts.Length; i++) SHA256.HashData(Encoding.UTF8.GetBytes(facts[i].Value), mine.AsSpan(i * DigestBytes, DigestBytes));
        var all = new byte[mine.Length * world.Size];
        world.AllGather<byte>(mine, all);
        for (var rank = 1; rank < world.Size; rank++)
            for (var i = 0; i < facts.Length; i++)
                if (!Digest(0, i).SequenceEqual(Digest(rank, i)))
                    throw new CommunicationException($"ranks: expected the {facts[i].Name} of rank 0 on every rank{Told(0, world, facts[i].Value)}, got another on rank {rank}{Told(rank, world, facts[i].Value)}.");

        ReadOnlySpan<byte> Digest(int rank, int fact) => all.AsSpan(rank * mine.Length + fact * DigestBytes, DigestBytes);
    }

    // The words of one rank, for all.
    private static string Told(int rank, ICommunicator world, string value)
    {
        var words = world.BroadcastBytes(Encoding.UTF8.GetBytes(value.Length > 100 ? value[..100] : value), rank);
        return $" ({Encoding.UTF8.GetString(words)})";
    }

    private static string Fingerprint(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
}
