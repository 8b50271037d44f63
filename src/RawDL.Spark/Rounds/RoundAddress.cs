using System.Text;

namespace RawDL.Spark;

/// <summary>Where a <see cref="RoundSource"/> is, and what it wants to hear first.</summary>
internal sealed record RoundAddress(string Host, int Port, string Token)
{
    /// <summary>As bytes of a payload.</summary>
    internal byte[] Encode() => Encoding.UTF8.GetBytes($"{Token} {Port} {Host}");

    /// <exception cref="SparkProtocolException">Other bytes.</exception>
    internal static RoundAddress Decode(ReadOnlySpan<byte> bytes)
    {
        var words = Encoding.UTF8.GetString(bytes).Split(' ');
        return words is [{ Length: > 0 } token, var number, { Length: > 0 } host] && ushort.TryParse(number, out var port) && port > 0
            ? new RoundAddress(host, port, token)
            : throw new SparkProtocolException($"round: expected the driver's address, got {bytes.Length} other bytes");
    }

    /// <summary>Without the token.</summary>
    public override string ToString() => Host.Contains(':') ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
