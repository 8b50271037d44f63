namespace RawDL.NN.Tests;

/// <summary>The identities between outer optimizers, over fifty rounds of made-up replicas.</summary>
public sealed class OuterOptimizerTests
{
    private const int Length = 64, Rounds = 50;

    // What W_g is at the beginning of each round, and what would be judged; the local step depends on where the round begins.
    private static (double[] Start, double[] Judged) Play(NamedOptions named, Func<int, float> innerRate, int ranks = 4)
    {
        var outer = OuterOptimizer.Parse(named, ranks);
        var random = new RandomStream(1, 2);
        var values = new float[Length];
        for (var i = 0; i < Length; i++) values[i] = random.NextFloat() - 0.5f;
        outer.Begin(values);
        var judged = new float[Length];
        for (var round = 0; round < Rounds; round++)
        {
            var noise = new RandomStream(7, (ulong)round);
            for (var i = 0; i < Length; i++) values[i] += 0.1f * (1 - values[i]) + 0.02f * (noise.NextFloat() - 0.5f);
            outer.Step(values, innerRate(round));
            values.CopyTo(judged, 0);
            outer.Publish(judged);
        }
        return (Array.ConvertAll(values, v => (double)v), Array.ConvertAll(judged, v => (double)v));
    }

    private static NamedOptions Named(string name, float momentum, float rate) => new(name, ("momentum", momentum), ("learning_rate", rate));

    [TestCase(0.9f, 0.7f)]
    [TestCase(0.75f, 1f)]
    [TestCase(0f, 0.3f)]
    public void Nesterov_block_momentum_is_diloco(float momentum, float rate) =>
        Assert.That(Play(Named("nesterov_block_momentum", momentum, rate), _ => 1).Start, Is.EqualTo(Play(Named("diloco", momentum, rate), _ => 1).Start).Within(2e-6));

    [TestCase(0.5f, 1f, 0.01f)]
    [TestCase(0.8f, 0.6f, 2f)]
    public void Slowmo_at_a_constant_rate_is_classical_block_momentum(float momentum, float rate, float inner) =>
        Assert.That(Play(Named("slowmo", momentum, rate), _ => inner).Start, Is.EqualTo(Play(Named("block_momentum", momentum, rate), _ => 1).Start).Within(2e-5));

    [Test]
    public void Slowmo_at_a_changing_rate_is_another_rule() =>
        Assert.That(Play(Named("slowmo", 0.5f, 1), round => round % 2 == 0 ? 1 : 0.01f).Start, Is.Not.EqualTo(Play(Named("block_momentum", 0.5f, 1), _ => 1).Start).Within(1e-3));

    [TestCase("block_momentum")]
    [TestCase("nesterov_block_momentum")]
    [TestCase("slowmo")]
    [TestCase("diloco")]
    public void Without_momentum_and_with_rate_1_every_rule_takes_the_mean(string name) =>
        Assert.That(Play(Named(name, 0, 1), _ => 0.1f).Start, Is.EqualTo(Play(new NamedOptions("mean"), _ => 0.1f).Start).Within(1e-5));

    [Test]
    public void Nesterov_block_momentum_is_judged_without_its_look_ahead()
    {
        // W(t) of the classical form, W_g(t) = W(t) + η·Δ(t): both are followed side by side in double.
        const double momentum = 0.6, rate = 0.9;
        var random = new RandomStream(1, 2);
        var start = new double[Length];
        for (var i = 0; i < Length; i++) start[i] = random.NextFloat() - 0.5f;
        var (whole, ahead, velocity) = ((double[])start.Clone(), (double[])start.Clone(), new double[Length]);
        for (var round = 0; round < Rounds; round++)
        {
            var noise = new RandomStream(7, (ulong)round);
            for (var i = 0; i < Length; i++)
            {
                var step = 0.1 * (1 - ahead[i]) + 0.02 * (noise.NextFloat() - 0.5);
                velocity[i] = momentum * velocity[i] + rate * step;
                whole[i] += velocity[i];
                ahead[i] = whole[i] + momentum * velocity[i];
            }
        }
        var (begun, judged) = Play(Named("nesterov_block_momentum", (float)momentum, (float)rate), _ => 1);
        Assert.That(begun, Is.EqualTo(ahead).Within(1e-5));
        Assert.That(judged, Is.EqualTo(whole).Within(1e-5));
    }

    [Test]
    public void The_block_momentum_of_n_ranks_is_one_minus_one_over_n()
    {
        Assert.That(OuterOptimizer.Parse(new NamedOptions("block_momentum"), 4).Momentum, Is.EqualTo(0.75f));
        Assert.That(OuterOptimizer.Parse(new NamedOptions("diloco"), 4).Momentum, Is.EqualTo(0.9f));
    }

    [TestCase("nesterov", "", 0f, "outer: expected one of mean, block_momentum, nesterov_block_momentum, slowmo, diloco, got 'nesterov'.")]
    [TestCase("mean", "momentum", 0f, "outer 'mean': expected no options, got 'momentum'.")]
    [TestCase("diloco", "rate", 1f, "outer 'diloco': expected options momentum, learning_rate, got 'rate'.")]
    [TestCase("diloco", "momentum", 1f, "outer 'diloco': expected 0 <= momentum < 1, got 1.")]
    [TestCase("slowmo", "learning_rate", 0f, "outer 'slowmo': expected learning_rate > 0, got 0.")]
    public void Wrong_rules_are_refused_in_one_line(string name, string option, float value, string message) =>
        Assert.That(() => OuterOptimizer.Parse(option.Length > 0 ? new NamedOptions(name, (option, value)) : new NamedOptions(name), 2), Throws.ArgumentException.With.Message.EqualTo(message));
}
