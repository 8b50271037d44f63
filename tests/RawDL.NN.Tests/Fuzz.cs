using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;

namespace RawDL.NN.Tests;

/// <summary>
/// Feeds a reader damaged files. Each case damages a valid file in one to four places, seven of ten in its head, with edges of integers,
/// tokens of text formats, and pieces removed, repeated or moved. A reader may refuse a file in its own exception and nothing else, and may
/// spend at most twice the file and 1 MiB.
/// </summary>
internal static class Fuzz
{
    private const int HeadBytes = 512;
    private const long Allowance = 1 << 20;

    // No reader needs this long for a file of some kilobytes: it is a guard against loops that do not end, not a measurement.
    private static readonly TimeSpan s_hang = TimeSpan.FromSeconds(20);

    private static readonly long[] s_edges =
        [0, 1, 7, 8, 127, 128, 255, 256, 32767, 32768, 65535, 65536, int.MaxValue, 1L + int.MaxValue, uint.MaxValue, 1L << 32, 1L << 61, 1L << 62, long.MaxValue, long.MinValue, -1, -2];

    private static readonly byte[][] s_tokens = Array.ConvertAll((string[])
        ["null", "true", "False", "-1", "-0", "0.5", "1e9", "1e999", "NaN", "9223372036854775807", "18446744073709551616", "99999999999999999999999", "{", "}", "[", "]", "(", ")",
         ",", ":", "\"", "'", "\\", "\\ud800", "\\u0000", "\uFEFF", "\u2028", "[[[[[[[[", "{\"a\":", "//", "\n", "\r\n", "\0", "L", "F32", "|O", "<c8", "shape", "__metadata__", "é", ";"], Encoding.UTF8.GetBytes);

    /// <summary>Runs <paramref name="count"/> cases and prints how many there were and what became of them.</summary>
    /// <param name="format">The name to print.</param>
    /// <param name="seeds">Valid files, each read once first.</param>
    /// <param name="parse">The reader under test.</param>
    /// <param name="count">Number of cases.</param>
    /// <param name="repair">Adapts lengths and checksums after a change of size, so that damage gets past the first check; used in every other case.</param>
    /// <param name="isRefusal">The exceptions by which the reader may refuse; <see cref="RawFileException"/> when null.</param>
    internal static void Run(string format, IReadOnlyList<byte[]> seeds, Action<byte[]> parse, int count,
        Func<byte[], int, byte[]>? repair = null, Func<Exception, bool>? isRefusal = null)
    {
        foreach (var seed in seeds) parse(seed);
        var random = new Random(20261125);
        int accepted = 0, refused = 0;
        long worstBytes = 0;
        var worstTime = TimeSpan.Zero;
        for (var i = 0; i < count; i++)
        {
            var seed = seeds[random.Next(seeds.Count)];
            var input = Mutate(seed, random);
            if (repair is not null && i % 2 == 0) input = repair(input, input.Length - seed.Length);

            var before = GC.GetAllocatedBytesForCurrentThread();
            var start = Stopwatch.GetTimestamp();
            try
            {
                parse(input);
                accepted++;
            }
            catch (Exception e)
            {
                if (!(isRefusal?.Invoke(e) ?? e is RawFileException)) Assert.Fail($"{format} case {i}: {e}\ninput: {Convert.ToHexString(input)}");
                if (e.Message.AsSpan().ContainsAny('\r', '\n')) Assert.Fail($"{format} case {i}: a message of several lines: {e.Message}");
                refused++;
            }
            var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            var time = Stopwatch.GetElapsedTime(start);
            if (bytes > (2 * input.Length) + Allowance) Assert.Fail($"{format} case {i}: {bytes} bytes allocated for {input.Length}\ninput: {Convert.ToHexString(input)}");
            if (time > s_hang) Assert.Fail($"{format} case {i}: took {time}\ninput: {Convert.ToHexString(input)}");
            worstBytes = Math.Max(worstBytes, bytes);
            worstTime = time > worstTime ? time : worstTime;
        }
        TestContext.Out.WriteLine($"{format} fuzz cases: {count}, refused: {refused}, accepted: {accepted}, other exceptions: 0, most memory: {worstBytes} bytes, longest: {worstTime.TotalMilliseconds:F1} ms");
    }

    private static byte[] Mutate(byte[] seed, Random random)
    {
        var bytes = new List<byte>(seed);
        for (var damages = random.Next(1, 5); damages > 0; damages--)
        {
            if (bytes.Count == 0) return [];
            var end = random.Next(10) < 7 ? Math.Min(HeadBytes, bytes.Count) : bytes.Count;
            var at = random.Next(end);
            var length = random.Next(1, Math.Min(16, bytes.Count - at) + 1);
            switch (random.Next(10))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: Overwrite(bytes, at, random); break;
                case 3: bytes.RemoveRange(at, length); break;
                case 4: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
                case 5: bytes.InsertRange(at, s_tokens[random.Next(s_tokens.Length)]); break;
                case 6: bytes.RemoveRange(random.Next(bytes.Count), 1); break;
                case 7: ReplaceNumber(bytes, at, random); break;
                case 8: (bytes[at], bytes[^1]) = (bytes[^1], bytes[at]); break;
                default:
                    if (random.Next(4) == 0) bytes.RemoveRange(at, bytes.Count - at);
                    else bytes.AddRange(bytes.GetRange(at, length));
                    break;
            }
        }
        return [.. bytes];
    }

    private static void Overwrite(List<byte> bytes, int at, Random random)
    {
        Span<byte> value = stackalloc byte[8];
        var edge = s_edges[random.Next(s_edges.Length)] + random.Next(-1, 2);
        var size = 1 << random.Next(4);
        if (random.Next(2) == 0) BinaryPrimitives.WriteInt64LittleEndian(value, edge);
        else
        {
            BinaryPrimitives.WriteInt64BigEndian(value, edge);
            value = value[(8 - size)..];
        }
        for (var i = 0; i < size && at + i < bytes.Count; i++) bytes[at + i] = value[i];
    }

    /// <summary>Puts another number in the place of the next one written in digits.</summary>
    private static void ReplaceNumber(List<byte> bytes, int at, Random random)
    {
        var first = bytes.FindIndex(at, static b => b is >= (byte)'0' and <= (byte)'9');
        if (first < 0) return;
        var end = first;
        while (end < bytes.Count && bytes[end] is >= (byte)'0' and <= (byte)'9') end++;
        bytes.RemoveRange(first, end - first);
        bytes.InsertRange(first, Encoding.ASCII.GetBytes($"{s_edges[random.Next(s_edges.Length)]}"));
    }
}
