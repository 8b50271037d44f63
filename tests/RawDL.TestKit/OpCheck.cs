namespace RawDL.TestKit;

/// <summary>Holds a row of the table against a device: forward, gradient, exactness, adjoint, accumulation, message.</summary>
public static class OpCheck
{
    private const double Step = 1e-5;
    // Each sampled element costs the oracle two runs, so of large outputs there are fewer.
    private const int SampledGradients = 160, SampledOfLarge = 16, LargeOutput = 4096;
    private const double AdjointTolerance = 2e-6;
    private const float KinkDistance = 0.05f;

    /// <summary>Runs every check that applies to the row.</summary>
    public static OpResult Run(OpCase row, Device device)
    {
        var failures = new List<string>();
        var inputs = MakeInputs(row);
        var expected = row.Oracle(Widen(inputs));
        var actual = Evaluate(row, device);

        if (actual.Output.Length != expected.Length)
        {
            failures.Add($"output: expected {expected.Length} elements, got {actual.Output.Length}");
            return new OpResult(double.NaN, [], 0, failures);
        }
        var forward = Nmse(actual.Output, expected);
        if (!(forward <= row.ForwardNmse)) failures.Add($"forward: expected NMSE <= {row.ForwardNmse:g3}, got {forward:g3}");
        if (row.Integers)
        {
            var wrong = Enumerable.Range(0, expected.Length).Where(i => actual.Output[i] != expected[i]).Take(1).ToArray();
            if (wrong is [var i]) failures.Add($"exact: expected {expected[i]} at {i}, got {actual.Output[i]}");
        }
        if (row.Mode == TapeMode.Inference || !row.Differentiable) return new OpResult(forward, [], 0, failures);

        var weights = MakeWeights(row, expected.Length);
        var gradients = CheckGradients(row, inputs, weights, actual, failures);
        CheckAccumulation(row, device, actual, failures);
        var adjoint = row.Linear ? AdjointError(inputs[0], weights, actual) : 0;
        if (!(adjoint <= AdjointTolerance)) failures.Add($"adjoint: expected <= {AdjointTolerance:g3}, got {adjoint:g3}");
        return new OpResult(forward, gradients, adjoint, failures);
    }

    /// <summary>Null when the wrong use is met with the row's message, else what came instead.</summary>
    public static string? Run(OpError row, Device device)
    {
        using var tape = new Tape(device);
        try
        {
            row.Apply(tape);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return e.Message == row.Message ? null : $"expected \"{row.Message}\", got \"{e.Message}\"";
        }
        return $"expected \"{row.Message}\", got no error";
    }

    /// <summary>What the device computes for the row. Two devices that agree give the same bits or, where sums differ in order, close values.</summary>
    public static OpValues Evaluate(OpCase row, Device device) => Evaluate(row, device, 0f);

    private static OpValues Evaluate(OpCase row, Device device, float initialGradient)
    {
        using var tape = new Tape(device, row.Mode) { Seed = 7, Step = 3 };
        var values = MakeInputs(row);
        var inputs = new Tensor[values.Length];
        for (var i = 0; i < inputs.Length; i++)
        {
            inputs[i] = tape.Variable(values[i], row.Inputs[i]);
            if (inputs[i].Gradient is { } gradient && initialGradient != 0f)
                gradient.CopyFrom(Enumerable.Repeat(initialGradient, gradient.Count).ToArray());
        }
        var y = row.Apply(inputs);
        if (y.Gradient is null) return new OpValues(y.ToArray(), []);

        // The loss Σ w·y without an operation of its own: its gradient by y is w.
        var loss = tape.Allocate(new Shape());
        tape.Record(loss, (row, y), static step => AddWeights(step.row, step.y.Gradient!));
        tape.Backward(loss);
        return new OpValues(y.ToArray(), Array.ConvertAll(inputs, input => input.Gradient!.ToArray()));
    }

    private static void AddWeights(OpCase row, Tensor gradient)
    {
        var values = gradient.ToArray();
        var weights = MakeWeights(row, values.Length);
        for (var i = 0; i < values.Length; i++) values[i] += weights[i];
        gradient.CopyFrom(values);
    }

    private static double[] CheckGradients(OpCase row, float[][] inputs, float[] weights, OpValues actual, List<string> failures)
    {
        var errors = new double[actual.Gradients.Length];
        if (errors.Length == 0) failures.Add("gradient: expected a recorded output, got none");
        var point = Widen(inputs);
        for (var input = 0; input < errors.Length; input++)
        {
            var elements = Sample(row, input, point[input].Length, weights.Length < LargeOutput ? SampledGradients : SampledOfLarge);
            var expected = new double[elements.Length];
            var picked = new float[elements.Length];
            for (var k = 0; k < elements.Length; k++)
            {
                var i = elements[k];
                var centre = point[input][i];
                point[input][i] = centre + Step;
                // Copies: the oracle of a view may return its input.
                var above = (double[])row.Oracle(point).Clone();
                point[input][i] = centre - Step;
                var below = (double[])row.Oracle(point).Clone();
                point[input][i] = centre;
                for (var j = 0; j < weights.Length; j++) expected[k] += weights[j] * (above[j] - below[j]);
                expected[k] /= 2 * Step;
                // Of whole numbers the difference quotient may leave a trace of rounding where the gradient is 0.
                if (row.Integers) expected[k] = Math.Round(expected[k], 7);
                picked[k] = actual.Gradients[input][i];
            }
            errors[input] = Nmse(picked, expected);
            if (!(errors[input] <= row.GradientNmse))
                failures.Add($"gradient {input}: expected NMSE <= {row.GradientNmse:g3}, got {errors[input]:g3}");
        }
        return errors;
    }

    // Backward kernels add: from ones they must arrive one higher than from zeros.
    private static void CheckAccumulation(OpCase row, Device device, OpValues actual, List<string> failures)
    {
        var added = Evaluate(row, device, 1f);
        for (var input = 0; input < actual.Gradients.Length; input++)
            for (var i = 0; i < actual.Gradients[input].Length; i++)
            {
                var expected = actual.Gradients[input][i] + 1f;
                var got = added.Gradients[input][i];
                if (Math.Abs(got - expected) <= 1e-4f * (1f + Math.Abs(expected))) continue;
                failures.Add($"gradient {input}: expected {expected} at {i} when added to 1, got {got}");
                return;
            }
    }

    private static double AdjointError(float[] x, float[] weights, OpValues actual)
    {
        double left = 0, right = 0, magnitude = 1e-30;
        for (var i = 0; i < weights.Length; i++)
        {
            left += (double)weights[i] * actual.Output[i];
            magnitude += Math.Abs((double)weights[i] * actual.Output[i]);
        }
        for (var i = 0; i < x.Length; i++) right += (double)x[i] * actual.Gradients[0][i];
        return Math.Abs(left - right) / magnitude;
    }

    /// <summary>Squared error over squared norm; the squared error itself where the norm is 0. NaN and infinities must match one to one.</summary>
    public static double Nmse(ReadOnlySpan<float> actual, ReadOnlySpan<double> expected)
    {
        double error = 0, norm = 0;
        for (var i = 0; i < expected.Length; i++)
        {
            if (!double.IsFinite(expected[i]))
            {
                if (!expected[i].Equals((double)actual[i])) return double.NaN;
                continue;
            }
            var difference = actual[i] - expected[i];
            error += difference * difference;
            norm += expected[i] * expected[i];
        }
        return norm > 0 ? error / norm : error;
    }

    private static float[][] MakeInputs(OpCase row)
    {
        var random = new RandomStream(Seed(row.Name), 0);
        var inputs = new float[row.Inputs.Length][];
        for (var i = 0; i < inputs.Length; i++)
        {
            inputs[i] = new float[row.Inputs[i].Count];
            foreach (ref var value in inputs[i].AsSpan())
                do value = row.Integers ? random.NextInt((int)(row.High - row.Low) + 1) + (int)row.Low : random.NextFloat(row.Low, row.High);
                while (NearKink(row, value));
        }
        return inputs;
    }

    private static bool NearKink(OpCase row, float value)
    {
        foreach (var kink in row.Kinks)
            if (Math.Abs(value - kink) < KinkDistance) return true;
        return false;
    }

    private static float[] MakeWeights(OpCase row, int count)
    {
        var random = new RandomStream(Seed(row.Name), 1);
        var weights = new float[count];
        foreach (ref var weight in weights.AsSpan())
            weight = row.Integers ? random.NextInt(2) * 4 - 2 + random.NextInt(2) : random.NextFloat(-1f, 1f);
        return weights;
    }

    private static int[] Sample(OpCase row, int input, int count, int most)
    {
        if (count <= most) return Enumerable.Range(0, count).ToArray();
        var random = new RandomStream(Seed(row.Name), (ulong)(2 + input));
        var elements = new int[most];
        foreach (ref var element in elements.AsSpan()) element = random.NextInt(count);
        return elements;
    }

    private static double[][] Widen(float[][] values) => Array.ConvertAll(values, v => Array.ConvertAll(v, x => (double)x));

    // FNV-1a (Fowler, Noll, Vo): the same in every process, unlike string.GetHashCode.
    private static ulong Seed(string name)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in name) hash = (hash ^ c) * 1099511628211UL;
        return hash;
    }
}
