using FsCheck;
using FsCheck.Fluent;

namespace RawDL.NN.Tests;

public sealed class DataLoaderTests
{
    /// <summary>Sample i is [i, −i]; its label is i mod 3.</summary>
    private static FloatDataset Counting(int count)
    {
        var samples = new float[count * 2];
        var labels = new int[count];
        for (var i = 0; i < count; i++) (samples[2 * i], samples[2 * i + 1], labels[i]) = (i, -i, i % 3);
        return new FloatDataset("counting", new Shape(2), samples, labels, Dataset.NumberedClasses(3));
    }

    private static List<int[]> Epoch(DataLoader loader, int epoch, int first = 0)
    {
        var batches = new List<int[]>();
        loader.Start(epoch, first);
        while (loader.TryNext(out var batch)) batches.Add(batch.Indices.ToArray());
        return batches;
    }

    private sealed class FailingDataset(int failAt) : Dataset("failing", new Shape(1), 10, NumberedClasses(2), 0)
    {
        public override void Read(int index, Span<float> sample)
        {
            if (index == failAt) throw new InvalidDataException("sample is broken");
            sample[0] = index;
        }

        public override int Label(int index) => 0;
    }

    private sealed class BlockingDataset(ManualResetEventSlim gate) : Dataset("blocking", new Shape(1), 10, NumberedClasses(2), 0)
    {
        public override void Read(int index, Span<float> sample) => gate.Wait();

        public override int Label(int index) => 0;
    }

    [Test]
    public void Ranks_partition_every_epoch_for_any_count_batch_and_size()
    {
        var cases = (from count in Gen.Choose(1, 60)
                     from batch in Gen.Choose(0, 20)
                     from size in Gen.Choose(1, 9)
                     from order in Gen.Elements(SampleOrder.Shuffled, SampleOrder.Sequential)
                     select (count, batch, size, order)).ToArbitrary();
        Prop.ForAll(cases, c =>
        {
            var seen = new List<int>();
            var steps = new HashSet<int>();
            var perStep = new Dictionary<int, (int Sum, int Global)>();
            for (var rank = 0; rank < c.size; rank++)
            {
                using var loader = new DataLoader(Counting(c.count), new DataLoaderOptions { BatchSize = c.batch, Rank = rank, Size = c.size, Seed = 7, Order = c.order });
                steps.Add(loader.BatchesPerEpoch);
                int mine = 0, number = 0;
                loader.Start(3);
                while (loader.TryNext(out var batch))
                {
                    seen.AddRange(batch.Indices);
                    mine += batch.Count;
                    var before = perStep.GetValueOrDefault(number);
                    perStep[number++] = (before.Sum + batch.Count, batch.GlobalCount);
                }
                if (mine != loader.SamplesPerEpoch) return false;
            }
            seen.Sort();
            return steps.Count == 1 && perStep.Count == steps.Single() && seen.SequenceEqual(Enumerable.Range(0, c.count))
                && perStep.Values.All(s => s.Sum == s.Global && s.Global > 0);
        }).QuickCheckThrowOnFailure();
    }

    [Test]
    public void Ranks_together_make_the_batches_of_one_process()
    {
        using var solo = new DataLoader(Counting(23), new DataLoaderOptions { BatchSize = 6, Seed = 5 });
        using var first = new DataLoader(Counting(23), new DataLoaderOptions { BatchSize = 3, Seed = 5, Size = 2 });
        using var second = new DataLoader(Counting(23), new DataLoaderOptions { BatchSize = 3, Seed = 5, Size = 2, Rank = 1 });
        var (whole, left, right) = (Epoch(solo, 1), Epoch(first, 1), Epoch(second, 1));
        Assert.That(left, Has.Count.EqualTo(whole.Count));
        for (var i = 0; i < whole.Count; i++) Assert.That(left[i].Concat(right[i]), Is.EquivalentTo(whole[i]));
    }

    [Test]
    public void Order_is_a_function_of_seed_and_epoch()
    {
        using var a = new DataLoader(Counting(50), new DataLoaderOptions { BatchSize = 8, Seed = 1 });
        using var b = new DataLoader(Counting(50), new DataLoaderOptions { BatchSize = 8, Seed = 1 });
        using var other = new DataLoader(Counting(50), new DataLoaderOptions { BatchSize = 8, Seed = 2 });
        Epoch(b, 4);
        Assert.That(Epoch(a, 2), Is.EqualTo(Epoch(b, 2)));
        Assert.That(Epoch(a, 3), Is.Not.EqualTo(Epoch(a, 2)));
        Assert.That(Epoch(other, 2), Is.Not.EqualTo(Epoch(a, 2)));
    }

    [Test]
    public void Order_of_seed_1_epoch_0_is_that_of_make_order_py()
    {
        using var loader = new DataLoader(Counting(10), new DataLoaderOptions { BatchSize = 0, Seed = 1 });
        Assert.That(Epoch(loader, 0).Single(), Is.EqualTo(new[] { 2, 9, 8, 0, 4, 1, 5, 6, 3, 7 }));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(4)]
    [TestCase(7)]
    public void A_resumed_epoch_goes_on_as_the_undisturbed_one(int first)
    {
        using var whole = new DataLoader(Counting(50), new DataLoaderOptions { BatchSize = 8, Seed = 1 });
        using var resumed = new DataLoader(Counting(50), new DataLoaderOptions { BatchSize = 8, Seed = 1 });
        Assert.That(Epoch(resumed, 5, Math.Min(8 * first, 50)), Is.EqualTo(Epoch(whole, 5).Skip(first)));
    }

    [Test]
    public void A_start_in_the_middle_drops_the_rest()
    {
        using var loader = new DataLoader(Counting(50), new DataLoaderOptions { BatchSize = 8, Seed = 1 });
        var whole = Epoch(loader, 0);
        for (var taken = 0; taken < 7; taken++)
        {
            loader.Start(1);
            for (var i = 0; i < taken; i++) loader.TryNext(out _);
            Assert.That(Epoch(loader, 0), Is.EqualTo(whole));
        }
    }

    [Test]
    public void Batches_carry_samples_labels_and_targets()
    {
        using var loader = new DataLoader(Counting(7), new DataLoaderOptions { BatchSize = 4, Order = SampleOrder.Sequential });
        loader.Start(0);
        Assert.That(loader.TryNext(out var batch), Is.True);
        Assert.That(batch.Shape, Is.EqualTo(new Shape(4, 2)));
        Assert.That(batch.Inputs.ToArray(), Is.EqualTo(new float[] { 0, 0, 1, -1, 2, -2, 3, -3 }));
        Assert.That(batch.Labels.ToArray(), Is.EqualTo(new[] { 0, 1, 2, 0 }));
        Assert.That(batch.Targets.Length, Is.Zero);
        Assert.That(loader.TryNext(out batch), Is.True);
        Assert.That(batch.Shape, Is.EqualTo(new Shape(3, 2)));
        Assert.That(loader.TryNext(out _), Is.False);
        Assert.That(loader.TryNext(out _), Is.False);

        var regression = new FloatDataset("line", new Shape(1), [1, 2, 3], [2, 20, 4, 40, 6, 60], 2);
        using var targets = new DataLoader(regression, new DataLoaderOptions { BatchSize = 0, Order = SampleOrder.Sequential });
        targets.Start(0);
        Assert.That(targets.TryNext(out batch), Is.True);
        Assert.That(batch.Targets.ToArray(), Is.EqualTo(new float[] { 2, 20, 4, 40, 6, 60 }));
        Assert.That(batch.Labels.Length, Is.Zero);
    }

    [Test]
    public void An_error_of_the_dataset_surfaces_after_the_batches_before_it()
    {
        using var loader = new DataLoader(new FailingDataset(5), new DataLoaderOptions { BatchSize = 2, Order = SampleOrder.Sequential });
        loader.Start(0);
        Assert.That(loader.TryNext(out _), Is.True);
        Assert.That(loader.TryNext(out _), Is.True);
        Assert.That(() => loader.TryNext(out _), Throws.TypeOf<InvalidDataException>().With.Message.EqualTo("sample is broken"));
        Assert.That(() => loader.TryNext(out _), Throws.TypeOf<InvalidDataException>());
        loader.Start(0, 6);
        Assert.That(loader.TryNext(out var batch), Is.True);
        Assert.That(batch.Inputs.ToArray(), Is.EqualTo(new float[] { 6, 7 }));
    }

    [Test]
    [CancelAfter(20_000)]
    public void Dispose_ends_a_waiting_consumer_and_a_blocked_dataset()
    {
        using var gate = new ManualResetEventSlim();
        var loader = new DataLoader(new BlockingDataset(gate), new DataLoaderOptions { BatchSize = 2 });
        loader.Start(0);
        var consumer = Task.Run(() => loader.TryNext(out _));
        Thread.Sleep(20);
        loader.Dispose();
        Assert.That(async () => await consumer, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => loader.Start(0), Throws.TypeOf<ObjectDisposedException>());
        gate.Set();
    }

    [Test]
    public void Epochs_allocate_nothing()
    {
        var options = new DataLoaderOptions { BatchSize = 16, Seed = 1, Normalization = new Normalization([0.1f], [0.3f]), Augmentation = new Augmentation(2, 10, 0.1f, 1) };
        using var loader = new DataLoader(Digits.Draw("digits", 0, 0, 256), options);
        void Run(int epoch)
        {
            loader.Start(epoch);
            while (loader.TryNext(out _)) { }
        }
        Run(0);
        // The counter covers all threads, so the runner's own few allocations must fit, but not one object per sample.
        var least = long.MaxValue;
        for (var epoch = 1; epoch < 6; epoch++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            Run(epoch);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        Assert.That(least, Is.LessThan(256));
    }

    [Test]
    public void Bad_options_are_refused_in_one_line()
    {
        var data = Counting(4);
        Assert.That(() => new DataLoader(data, new DataLoaderOptions { BatchSize = -1 }), Throws.ArgumentException.With.Message.EqualTo("DataLoader: expected a batch size >= 0, got -1."));
        Assert.That(() => new DataLoader(data, new DataLoaderOptions { Rank = 2, Size = 2 }), Throws.ArgumentException.With.Message.EqualTo("DataLoader: expected a rank below the size, got rank 2 of 2."));
        Assert.That(() => new DataLoader(data, new DataLoaderOptions { Normalization = new Normalization([0], [1]) }),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("Normalization: mean [1] and deviation [1] expect 1 channels, got a sample [2]."));
        Assert.That(() => new DataLoader(data, new DataLoaderOptions { Augmentation = new Augmentation(Shift: 1) }),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("Augmentation: expected images [C, H, W], got samples [2]."));
        Assert.That(() => new DataLoader(data, new DataLoaderOptions { Augmentation = new Augmentation(Rotation: 200) }),
            Throws.ArgumentException.With.Message.EqualTo("Augmentation: rotation expected 0 to 180 degrees, got 200."));
    }
}
