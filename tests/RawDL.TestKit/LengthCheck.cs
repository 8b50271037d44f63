namespace RawDL.TestKit;

/// <summary>Holds a function of one operand against a device at a length where loops may go wrong.</summary>
public static class LengthCheck
{
    private const double Step = 1e-5;

    /// <summary>One line per broken promise; empty when the row holds.</summary>
    public static IReadOnlyList<string> Run(OpCase row, int length, Device device)
    {
        using var tape = new Tape(device);
        var values = Ramp(row, length);
        var x = tape.Variable(values, new Shape(length));
        var y = row.Apply([x]);
        var loss = y.Sum();
        tape.Backward(loss);

        var wide = Array.ConvertAll(values, v => (double)v);
        // Simpson's rule behind gelu is slow: its long rows are checked at their ends.
        var kept = row.Name == "gelu" && length > 100 ? [.. wide[..40], .. wide[^40..]] : wide;
        var output = y.ToArray();
        var gradient = x.Gradient!.ToArray();
        if (kept.Length < length) (output, gradient) = ([.. output[..40], .. output[^40..]], [.. gradient[..40], .. gradient[^40..]]);
        var above = row.Oracle([Array.ConvertAll(kept, v => v + Step)]);
        var below = row.Oracle([Array.ConvertAll(kept, v => v - Step)]);
        var slopes = above.Zip(below, (a, b) => (a - b) / (2 * Step)).ToArray();

        var failures = new List<string>();
        var (forward, backward) = (OpCheck.Nmse(output, row.Oracle([kept])), OpCheck.Nmse(gradient, slopes));
        if (!(forward <= row.ForwardNmse)) failures.Add($"forward: expected NMSE <= {row.ForwardNmse:g3}, got {forward:g3}");
        if (!(backward <= row.GradientNmse)) failures.Add($"gradient: expected NMSE <= {row.GradientNmse:g3}, got {backward:g3}");
        return failures;
    }

    // Evenly over the row's range, in an order that spreads the first few over it too (1013 is prime), clear of its kinks.
    private static float[] Ramp(OpCase row, int length)
    {
        var values = new float[length];
        for (var i = 0; i < length; i++)
        {
            values[i] = row.Low + (row.High - row.Low) * ((i + 1) * 577L % 1013 + 0.5f) / 1013;
            foreach (var kink in row.Kinks)
                if (MathF.Abs(values[i] - kink) < 0.05f) values[i] = kink + 0.05f;
        }
        return values;
    }
}
