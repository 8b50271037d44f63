using FsCheck;
using FsCheck.Fluent;

namespace RawDL.NN.Tests;

/// <summary>The laws of orders, shards and normalisation.</summary>
public sealed class DataProperties
{
    private static readonly Gen<ulong> s_word = Gen.Choose(int.MinValue, int.MaxValue).Two().Select(pair => ((ulong)(uint)pair.Item1 << 32) | (uint)pair.Item2);

    [Test]
    public void An_order_is_a_permutation_and_a_function_of_seed_and_stream() => Law.Holds(
        from place in s_word.Two()
        from length in Gen.Choose(0, 300)
        select (place.Item1, place.Item2, length), ((ulong Seed, ulong Stream, int Length) c) =>
    {
        int[] first = new int[c.Length], second = new int[c.Length];
        Permutation.Fill(first, c.Seed, c.Stream);
        Permutation.Fill(second, c.Seed, c.Stream);
        Assert.That(second, Is.EqualTo(first));
        Assert.That(first.Order(), Is.EqualTo(Enumerable.Range(0, c.Length)));
        Permutation.Fill(second, c.Seed + 1, c.Stream);
        // 20 elements have 2·10^18 orders.
        if (c.Length >= 20) Assert.That(second, Is.Not.EqualTo(first));
    });

    [Test]
    public void Every_position_gets_every_sample_equally_often()
    {
        var counts = new int[6, 6];
        var order = new int[6];
        const int Draws = 36_000;
        for (var stream = 0; stream < Draws; stream++)
        {
            Permutation.Fill(order, 11, (ulong)stream);
            for (var i = 0; i < 6; i++) counts[i, order[i]]++;
        }
        // Five standard deviations around a sixth.
        Assert.That(counts.Cast<int>(), Is.All.InRange((Draws / 6) - 354, (Draws / 6) + 354));
        TestContext.Out.WriteLine($"permutations of 6: {Draws}");
    }

    [Test]
    public void Ranks_visit_every_sample_once_from_any_batch_on() => Law.Holds(
        from count in Gen.Choose(1, 80)
        from batch in Gen.Choose(0, 25)
        from size in Gen.Choose(1, 9)
        from seed in s_word
        from epoch in Gen.Choose(0, 1000)
        from start in Gen.Choose(0, 100)
        from order in Gen.Elements(SampleOrder.Shuffled, SampleOrder.Sequential)
        select (count, batch, size, seed, epoch, start, order),
        ((int Count, int Batch, int Size, ulong Seed, int Epoch, int Start, SampleOrder Order) c) =>
    {
        var dataset = new FloatDataset("d", new Shape(1), [.. Enumerable.Range(0, c.Count).Select(i => i + 0.5f)], new int[c.Count], Dataset.NumberedClasses(1));
        var seen = new List<int>();
        for (var rank = 0; rank < c.Size; rank++)
        {
            using var loader = new DataLoader(dataset, new DataLoaderOptions { BatchSize = c.Batch, Rank = rank, Size = c.Size, Seed = c.Seed, Order = c.Order });
            var whole = Epoch(loader, c.Epoch, 0);
            var first = c.Start % (loader.BatchesPerEpoch + 1);
            Assert.That(Epoch(loader, c.Epoch, Math.Min(first * loader.BatchSize * c.Size, c.Count)), Is.EqualTo(whole.Skip(first)));
            Assert.That((whole.Count, whole.Sum(b => b.Length)), Is.EqualTo((loader.BatchesPerEpoch, loader.SamplesPerEpoch)));
            if (c.Batch > 0) Assert.That(whole.Select(b => b.Length), Is.All.InRange(0, c.Batch));
            seen.AddRange(whole.SelectMany(b => b));
        }
        Assert.That(seen.Order(), Is.EqualTo(Enumerable.Range(0, c.Count)));
    });

    [Test]
    public void Any_number_of_ranks_goes_on_with_the_samples_that_are_left() => Law.Holds(
        from count in Gen.Choose(1, 80)
        from batch in Gen.Choose(0, 25)
        from size in Gen.Choose(1, 9)
        from done in Gen.Choose(0, 80)
        select (count, batch, size, done), ((int Count, int Batch, int Size, int Done) c) =>
    {
        var dataset = new FloatDataset("d", new Shape(1), [.. Enumerable.Range(0, c.Count).Select(i => i + 0.5f)], new int[c.Count], Dataset.NumberedClasses(1));
        var done = Math.Min(c.Done, c.Count);
        var all = new DataLoader(dataset, new DataLoaderOptions { BatchSize = 0, Seed = 3 });
        var seen = new List<int>();
        for (var rank = 0; rank < c.Size; rank++)
        {
            using var loader = new DataLoader(dataset, new DataLoaderOptions { BatchSize = c.Batch, Rank = rank, Size = c.Size, Seed = 3 });
            var left = Epoch(loader, 2, done);
            Assert.That(left, Has.Count.EqualTo(loader.BatchesFrom(done)));
            seen.AddRange(left.SelectMany(b => b));
        }
        using (all) Assert.That(seen.Order(), Is.EqualTo(Epoch(all, 2, 0).Single()[done..].Order()));
    });

    private static List<int[]> Epoch(DataLoader loader, int epoch, int first)
    {
        var batches = new List<int[]>();
        loader.Start(epoch, first);
        while (loader.TryNext(out var batch))
        {
            for (var i = 0; i < batch.Count; i++) Assert.That(batch.Inputs[i], Is.EqualTo(batch.Indices[i] + 0.5f));
            batches.Add(batch.Indices.ToArray());
        }
        return batches;
    }

    [Test]
    public void Normalised_samples_are_finite_and_can_be_turned_back() => Law.Holds(
        from extents in Gen.Choose(1, 4).ArrayOf(3)
        from count in Gen.Choose(1, 20)
        from exponent in Gen.Choose(-44, 30)
        from offset in Gen.Choose(-1000, 1000)
        from seed in Gen.Choose(0, int.MaxValue)
        select (new Shape(extents), count, exponent, offset, seed), ((Shape Shape, int Count, int Exponent, int Offset, int Seed) c) =>
    {
        // From numbers that are barely not 0 up to very large ones.
        var scale = Math.Pow(10, c.Exponent);
        var random = new Random(c.Seed);
        var values = new float[c.Count * c.Shape.Count];
        foreach (ref var value in values.AsSpan()) value = (float)(scale * (c.Offset + random.NextDouble()));
        var dataset = new FloatDataset("d", c.Shape, values, new int[c.Count], Dataset.NumberedClasses(1));
        var normalization = Normalization.Compute(dataset);
        var normal = values.ToArray();
        normalization.Apply(normal, c.Shape);
        var size = c.Shape[1] * c.Shape[2];
        for (var i = 0; i < values.Length; i++)
        {
            var channel = i / size % c.Shape[0];
            var (mean, deviation) = (normalization.Mean[channel], normalization.Std[channel]);
            Assert.That(float.IsFinite(normal[i]) && float.IsFinite(mean) && deviation > 0 && float.IsFinite(deviation));
            // Two roundings, of the difference and of the product, and those of denormal numbers.
            Assert.That(((double)normal[i] * deviation) + mean, Is.EqualTo(values[i]).Within((4e-7 * (Math.Abs(values[i]) + Math.Abs((double)normal[i] * deviation))) + 3e-45));
        }
    }, 1000);
}
