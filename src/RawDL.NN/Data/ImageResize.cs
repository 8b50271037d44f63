namespace RawDL.NN;

/// <summary>Bilinear resampling of one plane with pixel centres at half numbers; reduced images are averaged over the pixels that a new one covers.</summary>
internal static class ImageResize
{
    /// <summary>Along one axis: y[i] = Σₖ w(|(k + ½) / s − (i + ½)| / max(1, 1/s)) x[k], normalised, with w(t) = max(0, 1 − t) and s = to / from.</summary>
    public static float[] Run(ReadOnlySpan<float> plane, int height, int width, int newHeight, int newWidth)
    {
        var wide = new float[height * newWidth];
        for (var y = 0; y < height; y++) Line(plane.Slice(y * width, width), 1, width, wide.AsSpan(y * newWidth), 1, newWidth);
        var result = new float[newHeight * newWidth];
        for (var x = 0; x < newWidth; x++) Line(wide.AsSpan(x), newWidth, height, result.AsSpan(x), newWidth, newHeight);
        return result;
    }

    private static void Line(ReadOnlySpan<float> source, int sourceStep, int from, Span<float> destination, int step, int to)
    {
        var scale = (double)from / to;
        var radius = Math.Max(1, scale);
        for (var i = 0; i < to; i++)
        {
            var centre = (i + 0.5) * scale - 0.5;
            int first = Math.Max(0, (int)Math.Ceiling(centre - radius)), last = Math.Min(from - 1, (int)Math.Floor(centre + radius));
            double sum = 0, weights = 0;
            for (var k = first; k <= last; k++)
            {
                var weight = 1 - Math.Abs(k - centre) / radius;
                sum += weight * source[k * sourceStep];
                weights += weight;
            }
            destination[i * step] = (float)(sum / weights);
        }
    }
}
