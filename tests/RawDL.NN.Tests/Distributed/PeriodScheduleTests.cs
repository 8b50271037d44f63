namespace RawDL.NN.Tests;

public sealed class PeriodScheduleTests
{
    [TestCase("5", "5 5 5 5 5 5 5 5")]
    [TestCase("1x3, 2x2, 20", "1 1 1 2 2 20 20 20")]
    [TestCase("1x2,7x1", "1 1 7 7 7 7 7 7")]
    public void Rounds_have_the_steps_that_the_schedule_says(string text, string expected)
    {
        var schedule = PeriodSchedule.Parse(text);
        var periods = new List<int>();
        for (var i = 0; i < 8; i++)
        {
            periods.Add(schedule.Period);
            schedule.EndRound(0);
        }
        Assert.That(string.Join(' ', periods), Is.EqualTo(expected));
        var restored = PeriodSchedule.Parse(text);
        restored.Restore(4, 1);
        Assert.That(restored.Period, Is.EqualTo(periods[4]));
    }

    [Test]
    public void An_adaptive_period_follows_the_divergence()
    {
        var schedule = PeriodSchedule.Parse("adaptive:0.1:8");
        var periods = new List<int>();
        foreach (var apart in (double[])[0.01, 0.01, 0.01, 0.01, 0.07, 0.2, 0.2, 0.2, 0.2, 0.01])
        {
            schedule.EndRound(apart);
            periods.Add(schedule.Period);
        }
        Assert.That(periods, Is.EqualTo(new[] { 2, 4, 8, 8, 8, 4, 2, 1, 1, 2 }));
        var restored = PeriodSchedule.Parse("adaptive:0.1:8");
        restored.Restore(3, 4);
        Assert.That(restored.Period, Is.EqualTo(4));
    }

    [TestCase("")]
    [TestCase("0")]
    [TestCase("-1")]
    [TestCase("5x")]
    [TestCase("1x2x3")]
    [TestCase("5,10")]
    [TestCase("adaptive")]
    [TestCase("adaptive:0")]
    [TestCase("adaptive:1:0")]
    [TestCase("adaptive:1:2:3")]
    [TestCase("99999999999999999999")]
    public void What_is_no_schedule_is_refused_in_one_line(string text) =>
        Assert.That(() => PeriodSchedule.Parse(text), Throws.ArgumentException.With.Message.EqualTo($"period: expected steps as 5, a schedule as 1x200,5x1000,20 or adaptive:0.01:64, got '{text}'."));
}
