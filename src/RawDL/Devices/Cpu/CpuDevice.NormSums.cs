using System.Numerics;

namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    // Sums of one run for the normalisations: lanes of float over at most SumBlock elements, in two sums that do not wait for each other, then double. The remainder is added last, scalar.
    private const int SumBlock = 1024;

    private static double RunSum(float* x, int count)
    {
        double total = 0;
        for (var start = 0; start < count; start += SumBlock)
        {
            var end = Math.Min(count, start + SumBlock);
            Vector<float> lanes = default, others = default;
            var i = start;
            for (; i <= end - 2 * Vector<float>.Count; i += 2 * Vector<float>.Count)
            {
                lanes += Vector.Load(x + i);
                others += Vector.Load(x + i + Vector<float>.Count);
            }
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count) lanes += Vector.Load(x + i);
            total += Vector.Sum(lanes + others);
            for (; i < end; i++) total += x[i];
        }
        return total;
    }

    /// <summary>Σ (x − mean)².</summary>
    private static double RunSquares(float* x, float mean, int count)
    {
        double total = 0;
        for (var start = 0; start < count; start += SumBlock)
        {
            var end = Math.Min(count, start + SumBlock);
            Vector<float> lanes = default, others = default;
            var i = start;
            for (; i <= end - 2 * Vector<float>.Count; i += 2 * Vector<float>.Count)
            {
                var centred = Vector.Load(x + i) - new Vector<float>(mean);
                lanes += centred * centred;
                centred = Vector.Load(x + i + Vector<float>.Count) - new Vector<float>(mean);
                others += centred * centred;
            }
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                var centred = Vector.Load(x + i) - new Vector<float>(mean);
                lanes += centred * centred;
            }
            total += Vector.Sum(lanes + others);
            for (; i < end; i++) total += (x[i] - mean) * (x[i] - mean);
        }
        return total;
    }

    /// <summary>Σ a·(x − mean).</summary>
    private static double RunProduct(float* a, float* x, float mean, int count)
    {
        double total = 0;
        for (var start = 0; start < count; start += SumBlock)
        {
            var end = Math.Min(count, start + SumBlock);
            Vector<float> lanes = default, others = default;
            var i = start;
            for (; i <= end - 2 * Vector<float>.Count; i += 2 * Vector<float>.Count)
            {
                lanes += Vector.Load(a + i) * (Vector.Load(x + i) - new Vector<float>(mean));
                others += Vector.Load(a + i + Vector<float>.Count) * (Vector.Load(x + i + Vector<float>.Count) - new Vector<float>(mean));
            }
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
                lanes += Vector.Load(a + i) * (Vector.Load(x + i) - new Vector<float>(mean));
            total += Vector.Sum(lanes + others);
            for (; i < end; i++) total += a[i] * (x[i] - mean);
        }
        return total;
    }

    /// <summary>y = (x − mean)·slope + shift.</summary>
    private static void Normalize(float* x, float* y, float mean, float slope, float shift, int count)
    {
        var i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
            ((Vector.Load(x + i) - new Vector<float>(mean)) * slope + new Vector<float>(shift)).Store(y + i);
        for (; i < count; i++) y[i] = (x[i] - mean) * slope + shift;
    }
}
