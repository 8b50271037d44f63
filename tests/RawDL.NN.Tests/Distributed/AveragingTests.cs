namespace RawDL.NN.Tests;

/// <summary>What parameter averaging and gradient allreduce must be equal to.</summary>
public sealed class AveragingTests
{
    private static readonly DatasetPair Data = RankRuns.Digits150;

    private static ConfigurationBuilder Network(string optimizer, float rate, SynchronizationOptions options, int batch, params Layer[] layers) =>
        new ConfigurationBuilder("test").Seed(3).BatchSize(batch).Epochs(2).Optimizer(optimizer, ("learning_rate", rate)).Synchronization(options)
            .Layers(layers.Length > 0 ? layers : [new Conv2d(4, 5) { Stride = (2, 2), Activation = Activation.Relu() }, new Linear(10)]);

    private static SynchronizationOptions Average(string period = "1") => new() { Period = period };

    // 150 samples: 30 a step are 5 full steps; 32 a step leave 22 for the last, 4 ranks of 8 then have 6, 6, 5, 5.
    [TestCase("sgd", 2, 15)]
    [TestCase("sgd", 3, 10)]
    [TestCase("sgd", 4, 8)]
    [TestCase("momentum", 2, 15)]
    [TestCase("momentum", 4, 8)]
    [TestCase("nesterov", 3, 10)]
    public void Averaging_each_step_is_one_process_with_the_whole_batch(string optimizer, int ranks, int batch)
    {
        var one = RankRuns.Train(1, Network(optimizer, 0.05f, Average(), ranks * batch).Build(), Data)[0];
        foreach (var deterministic in (bool[])[false, true])
        {
            var many = RankRuns.Train(ranks, Network(optimizer, 0.05f, Average() with { Deterministic = deterministic }, batch).Build(), Data)[0];
            Assert.That(many.Result.Step, Is.EqualTo(one.Result.Step));
            Assert.That(RankRuns.LargestDifference(many.Values, one.Values), Is.LessThan(2e-6));
        }
    }

    [TestCase("sgd", 4, 8)]
    [TestCase("adam", 2, 15)]
    [TestCase("adam", 4, 8)]
    [TestCase("adagrad", 3, 10)]
    public void Mean_gradients_are_one_process_with_the_whole_batch_for_every_optimizer(string optimizer, int ranks, int batch)
    {
        var rate = optimizer == "sgd" ? 0.05f : 0.002f;
        var one = RankRuns.Train(1, Network(optimizer, rate, Average(), ranks * batch).Build(), Data)[0];
        // A bucket per parameter, one for all, and the fixed order after the pass.
        foreach (var options in (SynchronizationOptions[])[new() { BucketBytes = 4 }, new() { BucketBytes = 1 << 20 }, new() { Deterministic = true }])
        {
            var many = RankRuns.Train(ranks, Network(optimizer, rate, options with { Kind = SynchronizationKind.Gradients }, batch).Build(), Data)[0];
            // A step of Adam is about its rate wherever the gradient is near 0, so rounding there shows at once.
            Assert.That(RankRuns.LargestDifference(many.Values, one.Values), Is.LessThan(optimizer == "sgd" ? 2e-6 : 2e-4));
        }
    }

    [Test]
    public void Adam_under_averaging_is_promised_no_equality()
    {
        // The mean of squares is not the square of the mean, so the second moments differ.
        var one = RankRuns.Train(1, Network("adam", 0.002f, Average(), 30).Build(), Data)[0];
        var two = RankRuns.Train(2, Network("adam", 0.002f, Average(), 15).Build(), Data)[0];
        Assert.That(RankRuns.LargestDifference(two.Values, one.Values), Is.GreaterThan(1e-4));
    }

    [TestCase("1")]
    [TestCase("3")]
    [TestCase("adaptive:0.01")]
    public void One_rank_with_any_period_is_plain_training_to_the_bit(string period)
    {
        var plain = RankRuns.Train(1, Network("adam", 0.002f, Average(), 32).Build(), Data)[0].Result.ParametersSha256;
        Assert.That(RankRuns.Train(1, Network("adam", 0.002f, Average(period), 32).Build(), Data)[0].Result.ParametersSha256, Is.EqualTo(plain));
        Assert.That(RankRuns.Train(1, Network("adam", 0.002f, new SynchronizationOptions { Kind = SynchronizationKind.Gradients }, 32).Build(), Data)[0].Result.ParametersSha256, Is.EqualTo(plain));
    }

    [TestCase("average", "3")]
    [TestCase("average", "1x2,4")]
    [TestCase("gradients", "1")]
    public void In_a_fixed_order_repeated_runs_have_the_same_bits(string name, string period)
    {
        var options = new SynchronizationOptions { Period = period, Deterministic = true, Kind = name == "average" ? SynchronizationKind.Average : SynchronizationKind.Gradients };
        var configuration = Network("adam", 0.002f, options, 8).Build();
        var hash = RankRuns.Train(3, configuration, Data)[0].Result.ParametersSha256;
        Assert.That(RankRuns.Train(3, configuration, Data)[0].Result.ParametersSha256, Is.EqualTo(hash));
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(5)]
    [TestCase(8)]
    public void The_tree_adds_as_written(int count)
    {
        const int length = 5;
        var vectors = new float[count * length];
        for (var i = 0; i < vectors.Length; i++) vectors[i] = 1f / (i + 1);
        float Tree(int first, int span, int element)
        {
            if (span == 1) return vectors[first * length + element];
            var half = span / 2;
            return first + half < count ? Tree(first, half, element) + Tree(first + half, half, element) : Tree(first, half, element);
        }
        var whole = 1;
        while (whole < count) whole *= 2;
        var expected = new float[length];
        for (var e = 0; e < length; e++) expected[e] = Tree(0, whole, e);
        Reduction.AddInOrder(vectors, length, count);
        Assert.That(vectors[..length], Is.EqualTo(expected));
    }

    [Test]
    public void More_ranks_than_samples_of_a_step_wait_without_work_and_lose_none()
    {
        // 150 samples over 64 ranks of 1: steps of 64, 64 and 22.
        foreach (var kind in (SynchronizationKind[])[SynchronizationKind.Average, SynchronizationKind.Gradients])
        {
            var outcome = RankRuns.Train(64, Network("sgd", 0.05f, new SynchronizationOptions { Kind = kind, Period = "1" }, 1, new Linear(10)).Build(), Data)[0];
            var one = RankRuns.Train(1, Network("sgd", 0.05f, Average(), 64, new Linear(10)).Build(), Data)[0];
            Assert.That(outcome.Result.Step, Is.EqualTo(6));
            Assert.That(RankRuns.LargestDifference(outcome.Values, one.Values), Is.LessThan(2e-6));
        }
    }

    [TestCase(2)]
    [TestCase(3)]
    public void Parts_of_a_batch_one_after_the_other_are_the_batch(int accumulation)
    {
        var whole = RankRuns.Train(1, Network("sgd", 0.05f, Average(), 30).Build(), Data)[0];
        var parts = RankRuns.Train(1, Network("sgd", 0.05f, Average() with { Accumulation = accumulation }, 30 / accumulation).Build(), Data)[0];
        var ranks = RankRuns.Train(2, Network("sgd", 0.05f, new SynchronizationOptions { Kind = SynchronizationKind.Gradients, Accumulation = accumulation }, 15 / accumulation).Build(), Data)[0];
        Assert.That(parts.Result.Step, Is.EqualTo(whole.Result.Step));
        Assert.That(RankRuns.LargestDifference(parts.Values, whole.Values), Is.LessThan(2e-6));
        if (15 % accumulation == 0) Assert.That(RankRuns.LargestDifference(ranks.Values, whole.Values), Is.LessThan(2e-6));
    }

    [TestCase("sgd", SynchronizationKind.Average)]
    [TestCase("momentum", SynchronizationKind.Average)]
    [TestCase("sgd", SynchronizationKind.Gradients)]
    [TestCase("adam", SynchronizationKind.Gradients)]
    public void The_bits_do_not_depend_on_how_many_ranks_share_a_step(string optimizer, SynchronizationKind kind)
    {
        // 300 samples in steps of 128, the last of 44: parts of 32, 32, …, 12 on one rank or dealt to two or four.
        Layer[] layers = [new Conv2d(4, 5) { Stride = (2, 2), Activation = Activation.Relu() }, new Dropout(0.3f), new Linear(20) { Activation = Activation.Relu() }, new Linear(10)];
        var options = new SynchronizationOptions { Kind = kind, Period = "1", Deterministic = kind == SynchronizationKind.Gradients };
        var data = Digits.Open(seed: 6, train: 300, test: 40);
        var hashes = new List<string>();
        foreach (var ranks in (int[])[1, 2, 4])
            hashes.Add(RankRuns.Train(ranks, Network(optimizer, 0.01f, options, 128 / ranks, layers).Augmentation(("shift", 1)).Build(), data)[0].Result.ParametersSha256);
        Assert.That(hashes.Distinct().Count(), Is.EqualTo(1));
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(5)]
    [TestCase(7)]
    [TestCase(12)]
    public void Parts_are_added_as_the_tree_of_the_ranks(int parts)
    {
        using var device = new CpuDevice(1);
        using var model = Model.Create(Network("sgd", 0.1f, Average(), 8, new Linear(10)).Build(), Data.Train, device);
        using var tree = new GradientTree(model.Parameters);
        var own = model.Parameters.Gradients;
        var count = model.Parameters.TrainableCount;
        var vectors = new float[parts * count];
        var random = new RandomStream(3, 1);
        foreach (ref var value in vectors.AsSpan()) value = random.NextFloat() - 0.5f;
        for (var again = 0; again < 3; again++)
        {
            // A step that fails on its way leaves nothing behind.
            if (again == 1 && parts > 1)
            {
                tree.Begin(false);
                model.Parameters.EndGradients();
                model.Parameters.Gradients.Fill(7f);
                tree.End();
                tree.Begin(parts == 2);
                tree.Abandon();
                Assert.That(model.Parameters.Gradients, Is.SameAs(own));
            }
            for (var part = 0; part < parts; part++)
            {
                tree.Begin(part == parts - 1);
                model.Parameters.EndGradients();
                Assert.That(model.Parameters.Gradients.SumOfSquares(), Is.Zero);
                model.Parameters.Gradients.CopyFrom(vectors.AsSpan(part * count, count));
                tree.End();
            }
            Assert.That(model.Parameters.Gradients, Is.SameAs(own));
            var sum = own.ToArray();
            var expected = (float[])vectors.Clone();
            Reduction.AddInOrder(expected, count, parts);
            Assert.That(sum, Is.EqualTo(expected[..count]));
        }
    }

    [TestCase(SynchronizationKind.Average, 2, 15)]
    [TestCase(SynchronizationKind.Gradients, 4, 8)]
    public void Dropout_and_augmentation_do_not_depend_on_how_many_ranks_share_a_step(SynchronizationKind kind, int ranks, int batch)
    {
        Layer[] layers = [new Linear(20) { Activation = Activation.Relu() }, new Dropout(0.5f), new Linear(10)];
        var options = new SynchronizationOptions { Kind = kind, Period = "1" };
        var one = RankRuns.Train(1, Network("sgd", 0.05f, options, ranks * batch, layers).Augmentation(("shift", 1), ("rotation", 10)).Build(), Data)[0];
        var many = RankRuns.Train(ranks, Network("sgd", 0.05f, options, batch, layers).Augmentation(("shift", 1), ("rotation", 10)).Build(), Data)[0];
        Assert.That(RankRuns.LargestDifference(many.Values, one.Values), Is.LessThan(2e-6));
    }

    [Test]
    public void Running_statistics_are_pooled_as_a_mixture()
    {
        var layers = new Layer[] { new Linear(6), new BatchNorm { Momentum = 1f }, new Linear(10) };
        foreach (var kind in (SynchronizationKind[])[SynchronizationKind.Average, SynchronizationKind.Gradients])
        {
            // One step without a rate: the statistics of two halves are those of the whole batch, but for the 1/(n − 1) of each half.
            var options = new SynchronizationOptions { Kind = kind, Period = "1" };
            var one = RankRuns.Train(1, Network("sgd", 0f, options, 30, layers).Steps(1).Build(), Data)[0];
            var two = RankRuns.Train(2, Network("sgd", 0f, options, 15, layers).Steps(1).Build(), Data)[0];
            var trainable = one.Values.Length - 12;
            for (var i = 0; i < 6; i++)
            {
                Assert.That(two.Values[trainable + i], Is.EqualTo(one.Values[trainable + i]).Within(1e-5), "mean");
                Assert.That(two.Values[trainable + 6 + i], Is.EqualTo(one.Values[trainable + 6 + i]).Within(0.05 * one.Values[trainable + 6 + i]), "variance");
            }
        }
    }

    [TestCase(UpdaterState.Average)]
    [TestCase(UpdaterState.Keep)]
    [TestCase(UpdaterState.Reset)]
    public void The_optimizers_states_are_averaged_kept_or_reset(UpdaterState rule)
    {
        // Full shards as batches and one step per round: reset momentum is plain descent, averaged momentum is that of one process; kept ones give the same parameters at k = 1.
        var options = Average() with { UpdaterState = rule };
        var two = RankRuns.Train(2, Network("momentum", 0.05f, options, 15).Build(), Data)[0];
        var one = RankRuns.Train(1, Network(rule == UpdaterState.Reset ? "sgd" : "momentum", 0.05f, Average(), 30).Build(), Data)[0];
        Assert.That(RankRuns.LargestDifference(two.Values, one.Values), Is.LessThan(2e-6));
        if (rule == UpdaterState.Average) return;
        // At k = 3 all three differ.
        var averaged = RankRuns.Train(2, Network("momentum", 0.05f, Average("3"), 15).Build(), Data)[0];
        var other = RankRuns.Train(2, Network("momentum", 0.05f, Average("3") with { UpdaterState = rule }, 15).Build(), Data)[0];
        Assert.That(RankRuns.LargestDifference(averaged.Values, other.Values), Is.GreaterThan(1e-6));
    }

    [Test]
    public void Averaging_inside_nodes_between_those_of_all_ranks()
    {
        // Nodes of two of four ranks. Each step inside the nodes and each step over all is averaging each step.
        var all = RankRuns.Train(4, Network("sgd", 0.05f, Average(), 8).Build(), Data)[0];
        var both = RankRuns.Train(4, Network("sgd", 0.05f, Average() with { NodePeriod = 1, NodeSize = 2 }, 8).Build(), Data)[0];
        Assert.That(RankRuns.LargestDifference(both.Values, all.Values), Is.LessThan(2e-6));

        // One node of all ranks averaging each step, all ranks every fifth: again averaging each step.
        var node = RankRuns.Train(4, Network("sgd", 0.05f, Average("5") with { NodePeriod = 1, NodeSize = 4 }, 8).Build(), Data)[0];
        Assert.That(RankRuns.LargestDifference(node.Values, all.Values), Is.LessThan(2e-6));

        // Between them: neither one nor the other.
        var between = RankRuns.Train(4, Network("sgd", 0.05f, Average("5") with { NodePeriod = 1, NodeSize = 2 }, 8).Build(), Data)[0];
        var seldom = RankRuns.Train(4, Network("sgd", 0.05f, Average("5"), 8).Build(), Data)[0];
        Assert.That(RankRuns.LargestDifference(between.Values, all.Values), Is.GreaterThan(1e-6));
        Assert.That(RankRuns.LargestDifference(between.Values, seldom.Values), Is.GreaterThan(1e-6));
    }

    [TestCase(WireFormat.BFloat16, 2e-2)]
    [TestCase(WireFormat.Float16, 2e-3)]
    public void Sixteen_bits_on_the_wire_stay_near_the_full_sum(WireFormat wire, double tolerance)
    {
        var full = RankRuns.Train(3, Network("sgd", 0.05f, new SynchronizationOptions { Kind = SynchronizationKind.Gradients }, 10).Build(), Data)[0];
        var half = RankRuns.Train(3, Network("sgd", 0.05f, new SynchronizationOptions { Kind = SynchronizationKind.Gradients, Wire = wire }, 10).Build(), Data)[0];
        Assert.That(RankRuns.LargestDifference(half.Values, full.Values), Is.GreaterThan(0).And.LessThan(tolerance));
        Assert.That(half.Result.Communication!.Bytes, Is.EqualTo(full.Result.Communication!.Bytes / 2).Within(1).Percent);
    }

    [TestCase(0f, (ushort)0)]
    [TestCase(1f, (ushort)0x3F80)]
    [TestCase(1.00390625f, (ushort)0x3F80)]
    [TestCase(1.01171875f, (ushort)0x3F82)]
    [TestCase(float.PositiveInfinity, (ushort)0x7F80)]
    [TestCase(float.MaxValue, (ushort)0x7F80)]
    [TestCase(-1e-45f, (ushort)0x8000)]
    public void Bfloat16_rounds_to_nearest_even(float value, ushort bits)
    {
        var narrow = new ushort[1];
        new SixteenBitReduction(new SoloCommunicator(), WireFormat.BFloat16).Narrow([value], narrow);
        Assert.That(narrow[0], Is.EqualTo(bits));
        new SixteenBitReduction(new SoloCommunicator(), WireFormat.BFloat16).Narrow([BitConverter.UInt32BitsToSingle(0x7FFF_FFFF)], narrow);
        var wide = new float[1];
        new SixteenBitReduction(new SoloCommunicator(), WireFormat.BFloat16).Widen(narrow, wide);
        Assert.That(wide[0], Is.NaN);
    }

    [TestCase(GradientCompression.Threshold)]
    [TestCase(GradientCompression.OneBit)]
    public void What_a_compression_does_not_send_stays_behind(GradientCompression compression)
    {
        using var device = new CpuDevice(1);
        var configuration = Network("sgd", 0.1f, new SynchronizationOptions { Kind = SynchronizationKind.Gradients, Compression = compression, Threshold = 0.05f }, 8).Build();
        using var model = Model.Create(configuration, Data.Train, device);
        var count = model.Parameters.TrainableCount;
        var (sent, given, left) = (new double[count], new double[count], new double[count]);
        InProcessCommunicator.Run(3, group =>
        {
            var reduction = GradientReduction.Create(configuration.Synchronization, group, model.Parameters);
            for (var step = 0; step < 4; step++)
            {
                var random = new RandomStream(11, (ulong)(step * 3 + group.Rank));
                var gradient = new float[count];
                for (var i = 0; i < count; i++) gradient[i] = random.NextFloat() - 0.5f;
                lock (given)
                    for (var i = 0; i < count; i++) given[i] += gradient[i];
                reduction.Sum(gradient);
                if (group.Rank != 0) continue;
                for (var i = 0; i < count; i++) sent[i] += gradient[i];
            }
            lock (left)
                for (var i = 0; i < count; i++) left[i] += reduction.Residual[i];
        });
        for (var i = 0; i < count; i++) Assert.That(sent[i] + left[i], Is.EqualTo(given[i]).Within(1e-5));
    }
}
