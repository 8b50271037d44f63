namespace RawDL.NN;

/// <summary>A parameter set cut into the segments of an update. A layer is the parameters whose names are equal up to the last dot.</summary>
internal sealed class Attachment
{
    private readonly record struct Part(int Offset, int Count, int Layer, bool Regularized);

    private readonly List<Part> _parts = [];
    private readonly List<(Tensor Gradients, int Layer)> _runs = [];
    private readonly double[] _squares;
    private readonly double[] _scales;
    private readonly UpdateSegment[] _segments;
    private int _count;

    internal Attachment(ParameterSet parameters)
    {
        Parameters = parameters;
        var layers = new Dictionary<string, int>();
        foreach (var parameter in parameters.Parameters)
        {
            if (!parameter.IsTrainable || parameter.Shape.Count == 0) continue;
            var path = parameter.Name[..Math.Max(0, parameter.Name.LastIndexOf('.'))];
            if (!layers.TryGetValue(path, out var layer)) layers.Add(path, layer = layers.Count);
            _parts.Add(new Part(parameters.Offset(parameter), parameter.Shape.Count, layer, parameter.Kind == ParameterKind.Weight));
        }
        for (int first = 0, next; first < _parts.Count; first = next)
        {
            var (offset, count, layer, _) = _parts[first];
            for (next = first + 1; next < _parts.Count && _parts[next].Layer == layer; next++) count += _parts[next].Count;
            _runs.Add((new Tensor(parameters.Gradients.Buffer, offset, new Shape(count)), layer));
        }
        _squares = new double[layers.Count];
        _scales = new double[layers.Count];
        _segments = new UpdateSegment[_parts.Count];
    }

    internal ParameterSet Parameters { get; }

    /// <summary>Those of the last <see cref="Prepare"/>; neighbours that are treated alike are one.</summary>
    internal ReadOnlySpan<UpdateSegment> Segments => _segments.AsSpan(0, _count);

    // Neighbours are not merged where there shall be as many segments for every step.
    internal void Prepare(Regularization regularization, float decay, bool merge = true)
    {
        Measure(regularization);
        _count = 0;
        foreach (var (offset, count, layer, regularized) in _parts)
        {
            var segment = new UpdateSegment(offset, count, (float)_scales[layer], regularization.ClipValue,
                regularized ? regularization.L1 : 0f, regularized ? regularization.L2 : 0f, regularized ? decay : 0f);
            if (merge && _count > 0 && _segments[_count - 1] is var last && segment == last with { Offset = offset, Count = count })
                _segments[_count - 1] = last with { Count = last.Count + count };
            else
                _segments[_count++] = segment;
        }
    }

    // The factor on each layer's gradients. The global norm is that of the gradients as the clipping per layer leaves them.
    private void Measure(Regularization regularization)
    {
        Array.Fill(_scales, 1.0);
        var (clip, clipPerLayer) = (regularization.ClipNorm, regularization.ClipNormPerLayer);
        var total = 0.0;
        if (float.IsFinite(clipPerLayer))
        {
            Array.Clear(_squares);
            foreach (var (gradients, layer) in _runs) _squares[layer] += gradients.SumOfSquares();
            for (var layer = 0; layer < _scales.Length; layer++)
            {
                _scales[layer] = Ratio(clipPerLayer, _squares[layer]);
                total += _scales[layer] * _scales[layer] * _squares[layer];
            }
        }
        else if (float.IsFinite(clip))
        {
            total = Parameters.Gradients.SumOfSquares();
        }
        if (!float.IsFinite(clip)) return;
        var ratio = Ratio(clip, total);
        foreach (ref var scale in _scales.AsSpan()) scale *= ratio;
    }

    // NaN and ±∞ in the gradients must reach the weights: NaN compares false, and 0 · ∞ is NaN.
    private static double Ratio(float clip, double squares) => Math.Sqrt(squares) is var norm && norm > clip ? clip / norm : 1.0;
}
