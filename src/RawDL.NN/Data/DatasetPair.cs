namespace RawDL.NN;

/// <summary>What a model is trained on, and what it is tested on.</summary>
/// <param name="Train">Samples for training.</param>
/// <param name="Test">Samples held out.</param>
public sealed record DatasetPair(Dataset Train, Dataset Test)
{
    /// <summary>Splits a dataset at random into two disjoint parts that together are the whole.</summary>
    /// <param name="dataset">At least 2 samples.</param>
    /// <param name="testFraction">Part held out, in (0, 1); each part keeps at least one sample.</param>
    /// <param name="seed">The same seed gives the same split.</param>
    /// <exception cref="ArgumentException">The fraction is not in (0, 1), or there are fewer than 2 samples.</exception>
    public static DatasetPair Split(Dataset dataset, float testFraction, ulong seed)
    {
        if (!(testFraction > 0f && testFraction < 1f))
            throw new ArgumentException($"{dataset.Name}: expected a test fraction between 0 and 1, got {testFraction}.");
        if (dataset.Count < 2)
            throw new ArgumentException($"{dataset.Name}: expected at least 2 samples to split into train and test, got {dataset.Count}.");
        var order = new int[dataset.Count];
        Permutation.Fill(order, seed, RandomStreams.Split);
        var test = Math.Clamp((int)Math.Round(dataset.Count * (double)testFraction), 1, dataset.Count - 1);
        return new DatasetPair(
            new SubsetDataset($"{dataset.Name}/train", dataset, order[test..]),
            new SubsetDataset($"{dataset.Name}/test", dataset, order[..test]));
    }
}
