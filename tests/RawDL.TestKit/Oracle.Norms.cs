namespace RawDL.TestKit;

public static partial class Oracle
{
    /// <summary>x [outer, channels, inner] by the mean and the biased variance of each channel; epsilon 10⁻⁵.</summary>
    public static double[] BatchNorm(double[] x, double[] scale, double[] shift, int outer, int channels, int inner)
    {
        var mean = new double[channels];
        var variance = new double[channels];
        var count = outer * inner;
        for (var i = 0; i < x.Length; i++) mean[i / inner % channels] += x[i] / count;
        for (var i = 0; i < x.Length; i++) variance[i / inner % channels] += Math.Pow(x[i] - mean[i / inner % channels], 2) / count;
        return BatchNormInference(x, scale, shift, mean, variance, outer, channels, inner);
    }

    /// <summary>x [outer, channels, inner] by given statistics; epsilon 10⁻⁵.</summary>
    public static double[] BatchNormInference(double[] x, double[] scale, double[] shift, double[] mean, double[] variance, int outer, int channels, int inner)
    {
        var y = new double[outer * channels * inner];
        for (var i = 0; i < y.Length; i++)
        {
            var c = i / inner % channels;
            y[i] = scale[c] * (x[i] - mean[c]) / Math.Sqrt(variance[c] + 1e-5f) + shift[c];
        }
        return y;
    }

    /// <summary>Each of the rows by its own mean and biased variance; epsilon 10⁻⁵.</summary>
    public static double[] LayerNorm(double[] x, double[] scale, double[] shift, int rows)
    {
        var y = new double[x.Length];
        var length = scale.Length;
        for (var r = 0; r < rows; r++)
        {
            double mean = 0, variance = 0;
            for (var i = 0; i < length; i++) mean += x[r * length + i] / length;
            for (var i = 0; i < length; i++) variance += Math.Pow(x[r * length + i] - mean, 2) / length;
            for (var i = 0; i < length; i++) y[r * length + i] = scale[i] * (x[r * length + i] - mean) / Math.Sqrt(variance + 1e-5f) + shift[i];
        }
        return y;
    }

    /// <summary>x [any, channels, inner] by the squares of neighbouring channels.</summary>
    public static double[] LocalResponseNorm(double[] x, int channels, int inner, int size, double alpha, double beta, double bias)
    {
        var y = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            var c = i / inner % channels;
            double sum = 0;
            for (var other = c - size / 2; other <= c + (size - 1) / 2; other++)
                if (other >= 0 && other < channels) sum += Math.Pow(x[i + (other - c) * inner], 2);
            y[i] = x[i] * Math.Pow(bias + alpha / size * sum, -beta);
        }
        return y;
    }
}
