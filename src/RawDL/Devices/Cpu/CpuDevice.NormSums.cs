using System.Numerics;

namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    private const int SumBlock = 1024;

    private static double RunSum(float* x, int count) => SumRun<ValueTerm>(x, x, 0f, count);

    /// <summary>Σ (x − mean)².</summary>
    private static double RunSquares(float* x, float mean, int count) => SumRun<SquareTerm>(x, x, mean, count);

    /// <summary>Σ a·(x − mean).</summary>
    private static double RunProduct(float* a, float* x, float mean, int count) => SumRun<ProductTerm>(a, x, mean, count);

    /// <summary>One term of a sum for the normalisations.</summary>
    private interface IRunTerm
    {
        static abstract float At(float* a, float* x, float mean);
        static abstract Vector<float> At(float* a, float* x, Vector<float> mean);
    }

    private readonly struct ValueTerm : IRunTerm
    {
        public static float At(float* a, float* x, float mean) => *x;
        public static Vector<float> At(float* a, float* x, Vector<float> mean) => Vector.Load(x);
    }

    private readonly struct SquareTerm : IRunTerm
    {
        public static float At(float* a, float* x, float mean) => (*x - mean) * (*x - mean);

        public static Vector<float> At(float* a, float* x, Vector<float> mean)
        {
            var centred = Vector.Load(x) - mean;
            return centred * centred;
        }
    }

    private readonly struct ProductTerm : IRunTerm
    {
        public static float At(float* a, float* x, float mean) => *a * (*x - mean);
        public static Vector<float> At(float* a, float* x, Vector<float> mean) => Vector.Load(a) * (Vector.Load(x) - mean);
    }

    // Lanes of float over at most SumBlock elements, in two sums that do not wait for each other, then double. The remainder is added last, scalar.
    private static double SumRun<TTerm>(float* a, float* x, float mean, int count) where TTerm : struct, IRunTerm
    {
        double total = 0;
        var means = new Vector<float>(mean);
        for (var start = 0; start < count; start += SumBlock)
        {
            var end = Math.Min(count, start + SumBlock);
            Vector<float> lanes = default, others = default;
            var i = start;
            for (; i <= end - 2 * Vector<float>.Count; i += 2 * Vector<float>.Count)
            {
                lanes += TTerm.At(a + i, x + i, means);
                others += TTerm.At(a + i + Vector<float>.Count, x + i + Vector<float>.Count, means);
            }
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count) lanes += TTerm.At(a + i, x + i, means);
            total += Vector.Sum(lanes + others);
            for (; i < end; i++) total += TTerm.At(a + i, x + i, mean);
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
