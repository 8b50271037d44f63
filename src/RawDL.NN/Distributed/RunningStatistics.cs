namespace RawDL.NN;

/// <summary>
/// Pools running means and variances of batch normalisation over the ranks: μ̄ = Σ weightᵢ·μᵢ, and the variance of the mixture, Σ weightᵢ·(σᵢ² + (μᵢ − μ̄)²).
/// Source: law of total variance; Chan, Golub and LeVeque, 1979.
/// </summary>
internal sealed class RunningStatistics
{
    private readonly int[] _means, _variances;

    /// <summary>Finds the pairs among the statistics, which lie behind the trainable values.</summary>
    public RunningStatistics(ParameterSet parameters)
    {
        var names = new Dictionary<string, Parameter>();
        foreach (var parameter in parameters.Parameters) names.Add(parameter.Name, parameter);
        var (means, variances) = (new List<int>(), new List<int>());
        foreach (var (name, variance) in names)
        {
            if (variance.IsTrainable || !name.EndsWith("running_variance", StringComparison.Ordinal)) continue;
            var mean = names[name[..^"variance".Length] + "mean"];
            for (var i = 0; i < variance.Shape.Count; i++)
            {
                means.Add(parameters.Offset(mean) - parameters.TrainableCount + i);
                variances.Add(parameters.Offset(variance) - parameters.TrainableCount + i);
            }
        }
        (_means, _variances) = ([.. means], [.. variances]);
    }

    /// <summary>Adds to the weighted sums of all statistics how far apart the means lie.</summary>
    /// <param name="reduction">Sums over the ranks.</param>
    /// <param name="own">This rank's statistics.</param>
    /// <param name="pooled">Σ weight·own over the ranks; its variances are completed.</param>
    /// <param name="weight">This rank's.</param>
    public void AddSpread(Reduction reduction, ReadOnlySpan<float> own, Span<float> pooled, float weight)
    {
        if (_variances.Length == 0) return;
        var spread = new float[_variances.Length];
        Spread(own, pooled, weight, spread);
        reduction.Sum(spread);
        Complete(pooled, spread);
    }

    /// <summary>The same where the statistics of all ranks lie one behind the other.</summary>
    /// <param name="own">By rank.</param>
    /// <param name="pooled">Σ weight·own; its variances are completed.</param>
    /// <param name="weights">By rank.</param>
    public void AddSpread(ReadOnlySpan<float> own, Span<float> pooled, ReadOnlySpan<float> weights)
    {
        if (_variances.Length == 0) return;
        var spreads = new float[weights.Length * _variances.Length];
        for (var rank = 0; rank < weights.Length; rank++) Spread(own.Slice(rank * pooled.Length, pooled.Length), pooled, weights[rank], spreads.AsSpan(rank * _variances.Length, _variances.Length));
        Reduction.AddInOrder(spreads, _variances.Length, weights.Length);
        Complete(pooled, spreads.AsSpan(0, _variances.Length));
    }

    private void Spread(ReadOnlySpan<float> own, ReadOnlySpan<float> pooled, float weight, Span<float> spread)
    {
        for (var i = 0; i < spread.Length; i++)
        {
            var apart = own[_means[i]] - pooled[_means[i]];
            spread[i] = weight * apart * apart;
        }
    }

    private void Complete(Span<float> pooled, ReadOnlySpan<float> spread)
    {
        for (var i = 0; i < spread.Length; i++) pooled[_variances[i]] += spread[i];
    }
}
