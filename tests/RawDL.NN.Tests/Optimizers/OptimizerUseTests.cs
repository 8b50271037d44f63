namespace RawDL.NN.Tests;

public sealed class OptimizerUseTests
{
    private static Dictionary<string, float> One(string name, float value) => new() { [name] = value };

    [Test]
    public void Names_options_and_defaults()
    {
        Assert.That(Optimizer.Names, Is.EqualTo(new[] { "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "adamax", "nadam", "amsgrad" }));
        foreach (var name in Optimizer.Names)
        {
            using var optimizer = Optimizer.Parse(name);
            Assert.That(optimizer.Name, Is.EqualTo(name));
            Assert.That(optimizer.Options[0], Is.EqualTo(("learning_rate", optimizer.LearningRate)));
            // Each option lands in its place.
            foreach (var (option, value) in optimizer.Options)
            {
                using var other = Optimizer.Parse(name, One(option, value / 2));
                Assert.That(other.Options.Single(o => o.Name == option).Value, Is.EqualTo(value / 2));
                Assert.That(other.Options.Where(o => o.Name != option), Is.EqualTo(optimizer.Options.Where(o => o.Name != option)));
            }
        }
        using var adamw = Optimizer.Parse("adamw");
        Assert.That(adamw.Options, Is.EqualTo(new[] { ("learning_rate", 1e-3f), ("beta1", 0.9f), ("beta2", 0.999f), ("epsilon", 1e-8f), ("weight_decay", 1e-2f) }));
    }

    [Test]
    public void Wrong_names_and_options_are_one_line()
    {
        Assert.That(() => Optimizer.Parse("Adm"), Throws.ArgumentException.With.Message.EqualTo(
            "optimizer: expected one of sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, adamw, adamax, nadam, amsgrad, got 'Adm'; did you mean 'adam'?"));
        Assert.That(() => Optimizer.Parse(new string('x', 100_000)), Throws.ArgumentException.With.Message.EndsWith("x…'."));
        Assert.That(() => Optimizer.Parse(""), Throws.ArgumentException);
        Assert.That(() => Optimizer.Parse("adam", One("beta_1", 0.5f)), Throws.ArgumentException.With.Message.EqualTo(
            "optimizer 'adam': expected options learning_rate, beta1, beta2, epsilon, got 'beta_1'; did you mean 'beta1'?"));
        Assert.That(() => Optimizer.Parse("adam", One("beta1", 1.5f)), Throws.ArgumentException.With.Message.EqualTo("adam: expected 0 <= beta1 < 1, got 1.5."));
        Assert.That(() => Optimizer.Parse("adam", One("epsilon", 0f)), Throws.ArgumentException.With.Message.EqualTo("adam: expected epsilon > 0, got 0."));
        Assert.That(() => new Sgd(-1), Throws.ArgumentException.With.Message.EqualTo("sgd: expected learning_rate >= 0, got -1."));
        foreach (var name in Optimizer.Names)
            foreach (var (option, _) in Optimizer.Parse(name).Options)
                Assert.That(() => Optimizer.Parse(name, One(option, float.NaN)), Throws.ArgumentException, $"{name} {option}");
    }

    [Test]
    public void Calls_out_of_order_are_refused()
    {
        using var probe = OptimizerProbe.Vector(3);
        var optimizer = new Adam();
        Assert.That(() => optimizer.Step(1, 0.1f), Throws.InvalidOperationException.With.Message.EqualTo("adam: expected Attach before use, got no parameters."));
        Assert.That(optimizer.GradientNorm, Throws.InvalidOperationException);
        Assert.That(optimizer.States, Is.Empty);
        optimizer.Attach(probe.Set);
        Assert.That(() => optimizer.Attach(probe.Set), Throws.InvalidOperationException);
        Assert.That(() => optimizer.Step(0, 0.1f), Throws.ArgumentException.With.Message.EqualTo("adam: expected a step from 1 on, got 0."));
        Assert.That(() => optimizer.Step(1, float.NaN), Throws.ArgumentException);
        Assert.That(() => optimizer.Step(1, -1f), Throws.ArgumentException);
        optimizer.Dispose();
        optimizer.Dispose();
        Assert.That(() => optimizer.Step(1, 0.1f), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => optimizer.Attach(probe.Set), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(optimizer.States, Is.Empty);
    }

    [Test]
    public void Nothing_to_train_is_fine()
    {
        using var probe = new OptimizerProbe(1, ("a.mean", new Shape(3), ParameterKind.Statistic), ("b.weight", new Shape(0), ParameterKind.Weight));
        using var optimizer = new Adam();
        optimizer.Regularization = new Regularization { ClipNorm = 1f, ClipNormPerLayer = 1f };
        optimizer.Attach(probe.Set);
        optimizer.Step(1, 0.1f);
        Assert.That(optimizer.GradientNorm(), Is.Zero);
    }

    [Test]
    public void Late_steps_stay_finite()
    {
        foreach (var name in Optimizer.Names)
        {
            using var probe = OptimizerProbe.Vector(9);
            using var optimizer = Optimizer.Parse(name);
            optimizer.Attach(probe.Set);
            probe.Gradients(1);
            foreach (var step in (long[])[1, 1_000_000, 1L << 40, long.MaxValue - 1]) optimizer.Step(step, 0.01f);
            Assert.That(probe.Values, Is.All.Matches<float>(float.IsFinite), name);
        }
    }
}
