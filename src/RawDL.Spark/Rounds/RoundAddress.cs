using System.Text;

namespace RawDL.Spark;

/// <summary>Where a <see cref="RoundSource"/> or a <see cref="RoundAdder"/> is, and what it wants to hear first.</summary>
internal sealed record RoundAddress(string Host, int Port, string Token)
{
    /// <summary>As bytes of a payload: a line each.</summary>
    internal static byte[] Encode(params IEnumerable<RoundAddress> all) => Encoding.UTF8.GetBytes(string.Join('\n', all.Select(one => $"{one.Token} {one.Port} {one.Host}")));

    /// <exception cref="SparkProtocolException">Other bytes.</exception>
    internal static RoundAddress[] Decode(ReadOnlySpan<byte> bytes) =>
        bytes.IsEmpty ? [] : Array.ConvertAll(Encoding.UTF8.GetString(bytes).Split('\n'), line =>
            line.Split(' ') is [{ Length: > 0 } token, var number, { Length: > 0 } host] && ushort.TryParse(number, out var port) && port > 0
                ? new RoundAddress(host, port, token)
                : throw new SparkProtocolException($"round: expected an address, got {line.Length} other characters"));

    /// <summary>Without the token.</summary>
    public override string ToString() => Host.Contains(':') ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
