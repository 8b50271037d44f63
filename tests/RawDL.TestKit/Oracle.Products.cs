namespace RawDL.TestKit;

public static partial class Oracle
{
    /// <summary>C = A·B, either read transposed.</summary>
    public static double[] MatMul(double[] a, double[] b, int rows, int columns, int inner, bool left, bool right)
    {
        var c = new double[rows * columns];
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++)
                for (var k = 0; k < inner; k++)
                    c[i * columns + j] += a[left ? k * rows + i : i * inner + k] * b[right ? j * inner + k : k * columns + j];
        return c;
    }

    /// <summary>Cross-correlation, one output after the other.</summary>
    public static double[] Conv2d(double[] x, double[] weight, double[] bias, Conv2dGeometry g)
    {
        var (inputs, outputs) = (g.InChannels / g.Groups, g.OutChannels / g.Groups);
        var y = new double[g.Batch * g.OutChannels * g.OutHeight * g.OutWidth];
        var at = 0;
        for (var n = 0; n < g.Batch; n++)
            for (var o = 0; o < g.OutChannels; o++)
                for (var i = 0; i < g.OutHeight; i++)
                    for (var j = 0; j < g.OutWidth; j++, at++)
                    {
                        y[at] = bias[o];
                        for (var c = 0; c < inputs; c++)
                            for (var u = 0; u < g.KernelHeight; u++)
                                for (var v = 0; v < g.KernelWidth; v++)
                                {
                                    var row = i * g.StrideHeight + u * g.DilationHeight - g.PaddingHeight;
                                    var column = j * g.StrideWidth + v * g.DilationWidth - g.PaddingWidth;
                                    if (row < 0 || row >= g.InHeight || column < 0 || column >= g.InWidth) continue;
                                    y[at] += x[((n * g.InChannels + o / outputs * inputs + c) * g.InHeight + row) * g.InWidth + column]
                                        * weight[((o * inputs + c) * g.KernelHeight + u) * g.KernelWidth + v];
                                }
                    }
        return y;
    }

    /// <summary>The largest of each window.</summary>
    public static double[] MaxPool2d(double[] x, Pool2dGeometry g) => Pool(x, g, double.NegativeInfinity, Math.Max, 1);

    /// <summary>The mean of each window, padding counted as zeros.</summary>
    public static double[] AveragePool2d(double[] x, Pool2dGeometry g) => Pool(x, g, 0, (a, b) => a + b, 1.0 / (g.KernelHeight * g.KernelWidth));

    private static double[] Pool(double[] x, Pool2dGeometry g, double start, Func<double, double, double> f, double scale)
    {
        var y = new double[g.Planes * g.OutHeight * g.OutWidth];
        var at = 0;
        for (var p = 0; p < g.Planes; p++)
            for (var i = 0; i < g.OutHeight; i++)
                for (var j = 0; j < g.OutWidth; j++)
                {
                    var value = start;
                    for (var u = 0; u < g.KernelHeight; u++)
                        for (var v = 0; v < g.KernelWidth; v++)
                        {
                            var (row, column) = (i * g.StrideHeight + u - g.PaddingHeight, j * g.StrideWidth + v - g.PaddingWidth);
                            if (row >= 0 && row < g.InHeight && column >= 0 && column < g.InWidth)
                                value = f(value, x[(p * g.InHeight + row) * g.InWidth + column]);
                        }
                    y[at++] = value * scale;
                }
        return y;
    }
}
