namespace RawDL.TestKit;

/// <summary>Naive loops in double: what the operations mean.</summary>
public static partial class Oracle
{
    /// <summary>f of each element.</summary>
    public static double[] Map(double[] x, Func<double, double> f) => Array.ConvertAll(x, v => f(v));

    /// <summary>f of each element of a of [outer, channels, inner] and its channel of b.</summary>
    public static double[] Broadcast(double[] a, double[] b, int outer, int channels, int inner, Func<double, double, double> f)
    {
        var y = new double[a.Length];
        for (var o = 0; o < outer; o++)
            for (var c = 0; c < channels; c++)
                for (var i = 0; i < inner; i++)
                {
                    var at = (o * channels + c) * inner + i;
                    y[at] = f(a[at], b[c]);
                }
        return y;
    }

    /// <summary>scale · Σ over the middle of [outer, reduced, inner].</summary>
    public static double[] Sum(double[] x, int outer, int reduced, int inner, double scale = 1)
    {
        var y = new double[outer * inner];
        for (var o = 0; o < outer; o++)
            for (var r = 0; r < reduced; r++)
                for (var i = 0; i < inner; i++) y[o * inner + i] += scale * x[(o * reduced + r) * inner + i];
        return y;
    }

    /// <summary>ln softmax over the middle of [outer, classes, inner].</summary>
    public static double[] LogSoftmax(double[] x, int outer, int classes, int inner)
    {
        var y = new double[x.Length];
        for (var o = 0; o < outer; o++)
            for (var i = 0; i < inner; i++)
            {
                double sum = 0;
                for (var c = 0; c < classes; c++) sum += Math.Exp(x[(o * classes + c) * inner + i]);
                for (var c = 0; c < classes; c++) y[(o * classes + c) * inner + i] = x[(o * classes + c) * inner + i] - Math.Log(sum);
            }
        return y;
    }

    /// <summary>Softmax cross-entropy of each row, with label smoothing.</summary>
    public static double[] CrossEntropy(double[] x, int[] labels, int classes, double smoothing)
    {
        var y = new double[labels.Length];
        var log = LogSoftmax(x, labels.Length, classes, 1);
        for (var r = 0; r < labels.Length; r++)
            for (var c = 0; c < classes; c++)
                y[r] -= ((c == labels[r] ? 1 - smoothing : 0) + smoothing / classes) * log[r * classes + c];
        return y;
    }

    /// <summary>Φ(x), the normal distribution function, by Simpson's rule over the density.</summary>
    public static double Normal(double x)
    {
        const int Steps = 2000;
        var h = x / Steps;
        double sum = 1 + Math.Exp(-x * x / 2);
        for (var i = 1; i < Steps; i++) sum += (i % 2 == 1 ? 4 : 2) * Math.Exp(-(i * h) * (i * h) / 2);
        return 0.5 + sum * h / 3 / Math.Sqrt(2 * Math.PI);
    }

    /// <summary>The range start … start + count − 1 of the middle of [outer, extent, inner].</summary>
    public static double[] Slice(double[] x, int outer, int extent, int inner, int start, int count)
    {
        var y = new double[outer * count * inner];
        for (var o = 0; o < outer; o++)
            for (var r = 0; r < count; r++)
                for (var i = 0; i < inner; i++) y[(o * count + r) * inner + i] = x[(o * extent + start + r) * inner + i];
        return y;
    }

    /// <summary>The parts [outer, extents[k], inner] side by side.</summary>
    public static double[] Concatenate(double[][] parts, int outer, int[] extents, int inner)
    {
        var y = new List<double>();
        for (var o = 0; o < outer; o++)
            for (var k = 0; k < parts.Length; k++)
                for (var j = 0; j < extents[k] * inner; j++) y.Add(parts[k][o * extents[k] * inner + j]);
        return [.. y];
    }

    /// <summary>Zeros around planes of height × width.</summary>
    public static double[] Pad(double[] x, int planes, int height, int width, int top, int bottom, int left, int right)
    {
        int tall = top + height + bottom, wide = left + width + right;
        var y = new double[planes * tall * wide];
        for (var p = 0; p < planes; p++)
            for (var h = 0; h < height; h++)
                for (var w = 0; w < width; w++) y[(p * tall + top + h) * wide + left + w] = x[(p * height + h) * width + w];
        return y;
    }
}
