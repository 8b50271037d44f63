namespace RawDL.NN;

/// <summary>Q of a QR factorisation of a Gaussian matrix [outputs, rest], times the gain.</summary>
internal sealed class OrthogonalInitializer(float gain) : Initializer
{
    public override string Name => "orthogonal";

    public override (string Name, float Value)? Option => ("gain", gain);

    public override void Fill(Span<float> values, Shape shape, int fanIn, int fanOut, ref RandomStream random)
    {
        var rows = shape.Rank == 0 ? 1 : shape[0];
        var columns = rows == 0 ? 0 : values.Length / rows;
        var vectors = Math.Min(rows, columns);
        var length = Math.Max(rows, columns);
        var q = new double[vectors * length];
        for (var i = 0; i < q.Length; i++) q[i] = random.NextGaussian();
        for (var v = 0; v < vectors; v++) Orthonormalize(q, v, length);
        // The vectors are the rows of a wide matrix and the columns of a tall one.
        for (var r = 0; r < rows; r++)
            for (var c = 0; c < columns; c++)
                values[r * columns + c] = (float)(gain * (rows <= columns ? q[r * length + c] : q[c * length + r]));
    }

    // Modified Gram-Schmidt, twice: the second pass removes what rounding left of the first.
    private static void Orthonormalize(double[] q, int v, int length)
    {
        var vector = q.AsSpan(v * length, length);
        for (var pass = 0; pass < 2; pass++)
        {
            for (var u = 0; u < v; u++)
            {
                var other = q.AsSpan(u * length, length);
                var dot = Dot(vector, other);
                for (var i = 0; i < length; i++) vector[i] -= dot * other[i];
            }
            var scale = 1 / Math.Sqrt(Dot(vector, vector));
            foreach (ref var value in vector) value *= scale;
        }
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }
}
