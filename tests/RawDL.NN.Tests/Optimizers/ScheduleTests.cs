namespace RawDL.NN.Tests;

public sealed class ScheduleTests
{
    private static IEnumerable<TestCaseData> Goldens()
    {
        foreach (var lines in OptimizerProbe.Golden("optimizers_schedules.txt", 2))
        {
            var parts = lines[0].Split('|');
            yield return new TestCaseData(parts[0], parts[1], int.Parse(parts[2]), int.Parse(parts[3]), OptimizerProbe.Numbers(lines[1])).SetArgDisplayNames(lines[0]);
        }
    }

    [TestCaseSource(nameof(Goldens))]
    public void Agrees_with_PyTorch(string name, string options, int totalSteps, int stepsPerEpoch, float[] expected)
    {
        var schedule = LearningRateSchedule.Parse(name, OptimizerProbe.Options(options));
        for (var step = 1; step <= totalSteps; step++)
            Assert.That(schedule.Rate(step, totalSteps, stepsPerEpoch, 0.5f), Is.EqualTo(expected[step - 1]).Within(2e-7), $"step {step}");
        Assert.That(schedule.Rate(totalSteps + 5L, totalSteps, stepsPerEpoch, 0.5f), Is.EqualTo(expected[^1]).Within(2e-7), "after the last step");
    }

    [Test]
    public void Names_options_and_defaults()
    {
        Assert.That(LearningRateSchedule.Names, Is.EqualTo(new[] { "constant", "step", "exponential", "inverse", "polynomial", "cosine", "one_cycle" }));
        foreach (var name in LearningRateSchedule.Names)
        {
            var schedule = LearningRateSchedule.Parse(name);
            Assert.That(schedule.Name, Is.EqualTo(name));
            Assert.That(schedule.Options[^1], Is.EqualTo(("warmup_epochs", 0f)));
            foreach (var (option, value) in schedule.Options)
            {
                var other = LearningRateSchedule.Parse(name, new Dictionary<string, float> { [option] = value / 2 + 0.125f });
                Assert.That(other.Options.Single(o => o.Name == option).Value, Is.EqualTo(value / 2 + 0.125f));
                Assert.That(other.Options.Where(o => o.Name != option), Is.EqualTo(schedule.Options.Where(o => o.Name != option)));
            }
        }
        Assert.That(new OneCycleSchedule(), Is.EqualTo(LearningRateSchedule.Parse("one_cycle")));
    }

    [Test]
    public void Every_rate_is_finite_and_not_negative()
    {
        foreach (var name in LearningRateSchedule.Names)
            foreach (var warmup in (float[])[0, 0.3f, 1, 100])
                foreach (var total in (int[])[1, 2, 3, 7, 30])
                {
                    var schedule = LearningRateSchedule.Parse(name, new Dictionary<string, float> { ["warmup_epochs"] = warmup });
                    for (var step = 1; step <= total + 3; step++)
                        Assert.That(schedule.Rate(step, total, 3, 0.1f), Is.InRange(0f, 0.1f), $"{schedule}, step {step} of {total}");
                }
        foreach (var start in (float[])[0, 0.5f, 1])
            for (var total = 1; total < 9; total++)
                for (var step = 1; step <= total; step++)
                    Assert.That(new OneCycleSchedule(start).Rate(step, total, 1, 1f), Is.InRange(0f, 1f));
    }

    [Test]
    public void Wrong_uses_are_one_line()
    {
        Assert.That(() => LearningRateSchedule.Parse("cosin"), Throws.ArgumentException.With.Message.EqualTo(
            "schedule: expected one of constant, step, exponential, inverse, polynomial, cosine, one_cycle, got 'cosin'; did you mean 'cosine'?"));
        Assert.That(() => LearningRateSchedule.Parse("step", new Dictionary<string, float> { ["epoch"] = 1 }), Throws.ArgumentException.With.Message.EqualTo(
            "schedule 'step': expected options epochs, gamma, warmup_epochs, got 'epoch'; did you mean 'epochs'?"));
        Assert.That(() => new StepSchedule(0f), Throws.ArgumentException.With.Message.EqualTo("step: expected epochs > 0, got 0."));
        Assert.That(() => new OneCycleSchedule(1.5f), Throws.ArgumentException.With.Message.EqualTo("one_cycle: expected 0 <= pct_start <= 1, got 1.5."));
        Assert.That(() => new ConstantSchedule { WarmupEpochs = -1 }, Throws.ArgumentException.With.Message.EqualTo("constant: expected warmup_epochs >= 0, got -1."));
        Assert.That(() => new ConstantSchedule().Rate(0, 1, 1, 1), Throws.ArgumentException.With.Message.EqualTo(
            "constant: expected step, total and steps per epoch from 1 on, got 0, 1 and 1."));
        foreach (var name in LearningRateSchedule.Names)
            foreach (var (option, _) in LearningRateSchedule.Parse(name).Options)
                Assert.That(() => LearningRateSchedule.Parse(name, new Dictionary<string, float> { [option] = float.NaN }), Throws.ArgumentException, $"{name} {option}");
    }
}
