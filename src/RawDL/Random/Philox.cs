using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

/// <summary>Counter-based random numbers: the i-th block of a stream is a function of (seed, stream, i) alone, so any thread may draw any of them.</summary>
/// <remarks>Philox4x32-10. Source: Salmon, Moraes, Dror and Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011, section 3.3.</remarks>
public static class Philox
{
    private const uint M0 = 0xD2511F53, M1 = 0xCD9E8D57, W0 = 0x9E3779B9, W1 = 0xBB67AE85;

    /// <summary>Four random words of block <paramref name="counter"/> of stream <paramref name="stream"/>.</summary>
    public static (uint X, uint Y, uint Z, uint W) Block(ulong seed, ulong stream, ulong counter)
    {
        uint x = (uint)counter, y = (uint)(counter >> 32), z = (uint)stream, w = (uint)(stream >> 32);
        uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
        for (var round = 0; round < 10; round++)
        {
            var p0 = (ulong)M0 * x;
            var p1 = (ulong)M1 * z;
            (x, y, z, w) = ((uint)(p1 >> 32) ^ y ^ k0, (uint)p1, (uint)(p0 >> 32) ^ w ^ k1, (uint)p0);
            k0 += W0;
            k1 += W1;
        }
        return (x, y, z, w);
    }

    /// <summary>The words of the blocks from <paramref name="counter"/> on, one behind the other.</summary>
    internal static void Fill(ulong seed, ulong stream, ulong counter, Span<uint> words)
    {
        for (; Avx2.IsSupported && words.Length >= 16; words = words[16..], counter += 4) FourBlocks(seed, stream, counter, words);
        for (; words.Length > 0; words = words[Math.Min(4, words.Length)..], counter++)
        {
            var block = Block(seed, stream, counter);
            ReadOnlySpan<uint> all = [block.X, block.Y, block.Z, block.W];
            all[..Math.Min(4, words.Length)].CopyTo(words);
        }
    }

    // A block in each lane of 64 bits. Only the lower half of a lane counts: products and the last lines leave the upper ones alone.
    private static void FourBlocks(ulong seed, ulong stream, ulong counter, Span<uint> words)
    {
        var x = (Vector256.Create(counter) + Vector256.Create(0UL, 1, 2, 3)).AsUInt32();
        var z = Vector256.Create(stream).AsUInt32();
        var (y, w) = (High(x), High(z));
        var (k0, k1) = (Vector256.Create((uint)seed), Vector256.Create((uint)(seed >> 32)));
        for (var round = 0; round < 10; round++)
        {
            var p0 = Avx2.Multiply(x, Vector256.Create(M0)).AsUInt32();
            var p1 = Avx2.Multiply(z, Vector256.Create(M1)).AsUInt32();
            (x, y, z, w) = (High(p1) ^ y ^ k0, p1, High(p0) ^ w ^ k1, p0);
            k0 += Vector256.Create(W0);
            k1 += Vector256.Create(W1);
        }
        // [x0 y0 x1 y1 x2 y2 x3 y3] and [z0 w0 …].
        Vector256<ulong> xy = Pairs(x, y), zw = Pairs(z, w);
        Vector256<uint> even = Avx2.UnpackLow(xy, zw).AsUInt32(), odd = Avx2.UnpackHigh(xy, zw).AsUInt32();
        Vector256.Create(even.GetLower(), odd.GetLower()).CopyTo(words);
        Vector256.Create(even.GetUpper(), odd.GetUpper()).CopyTo(words[8..]);

        static Vector256<uint> High(Vector256<uint> lanes) => (lanes.AsUInt64() >>> 32).AsUInt32();

        static Vector256<ulong> Pairs(Vector256<uint> low, Vector256<uint> high) => (low.AsUInt64() & Vector256.Create(0xFFFF_FFFFUL)) | (high.AsUInt64() << 32);
    }
}

/// <summary>A sequence drawn from one <see cref="Philox"/> stream.</summary>
public struct RandomStream(ulong seed, ulong stream)
{
    private ulong _counter;
    private (uint X, uint Y, uint Z, uint W) _block;
    private int _left;

    /// <summary>Uniform over all 32-bit words.</summary>
    public uint NextWord()
    {
        if (_left == 0)
        {
            _block = Philox.Block(seed, stream, _counter++);
            _left = 4;
        }
        return _left-- switch { 4 => _block.X, 3 => _block.Y, 2 => _block.Z, _ => _block.W };
    }

    /// <summary>Uniform in [0, 1), multiples of 2⁻²⁴.</summary>
    public float NextFloat() => (NextWord() >> 8) * (1f / (1 << 24));

    /// <summary>Uniform in [low, high).</summary>
    public float NextFloat(float low, float high) => low + (high - low) * NextFloat();

    /// <summary>Uniform in 0 … bound − 1, without bias. Source: Lemire, Fast Random Integer Generation in an Interval, ACM TOMACS 2019.</summary>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        var product = (ulong)NextWord() * (uint)bound;
        if ((uint)product < (uint)bound)
        {
            var threshold = (uint)-bound % (uint)bound;
            while ((uint)product < threshold) product = (ulong)NextWord() * (uint)bound;
        }
        return (int)(product >> 32);
    }

    /// <summary>Standard normal, by Box and Muller, Ann. Math. Statist. 29 (1958).</summary>
    public float NextGaussian()
    {
        var radius = Math.Sqrt(-2 * Math.Log((NextWord() + 1.0) / 4294967296.0));
        return (float)(radius * Math.Cos(2 * Math.PI * (NextWord() / 4294967296.0)));
    }
}
