using System.Numerics;

namespace RawDL.NN;

/// <summary>‖a − b‖² and ‖b‖² in double. Sums of blocks are added in their order, so that whoever has a vector in slices of whole blocks finds the same bits.</summary>
internal static class SquaredDistance
{
    /// <summary>Elements of a block.</summary>
    public const int Block = 1 << 16;

    public static (double Distance, double Norm) Of(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var (distance, norm) = (0.0, 0.0);
        for (var at = 0; at < a.Length; at += Block)
        {
            var count = Math.Min(Block, a.Length - at);
            var (d, n) = OfBlock(a.Slice(at, count), b.Slice(at, count));
            (distance, norm) = (distance + d, norm + n);
        }
        return (distance, norm);
    }

    // Each lane's sum in double.
    public static (double Distance, double Norm) OfBlock(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        Vector<double> distances = default, norms = default;
        var i = 0;
        for (; i <= a.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var y = new Vector<float>(b[i..]);
            Vector.Widen(new Vector<float>(a[i..]) - y, out var low, out var high);
            distances += low * low + high * high;
            Vector.Widen(y, out low, out high);
            norms += low * low + high * high;
        }
        var (distance, norm) = (Vector.Sum(distances), Vector.Sum(norms));
        for (; i < a.Length; i++)
        {
            distance += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
            norm += (double)b[i] * b[i];
        }
        return (distance, norm);
    }
}
