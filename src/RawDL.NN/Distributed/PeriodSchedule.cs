using System.Globalization;

namespace RawDL.NN;

/// <summary>
/// How many steps a round of averaging has. <c>5</c>: always five. <c>1x200,5x1000,20</c>: 200 rounds of one step, then 1000 rounds of five, then rounds of
/// twenty. <c>adaptive:0.01</c> or <c>adaptive:0.01:64</c>: after a round in which the replicas moved apart by less than half of 0.01 the period doubles, up to 64,
/// and by more than 0.01 it halves; apart is √(mean over ranks of ‖w_i − w̄‖²) / ‖w̄‖.
/// </summary>
public sealed class PeriodSchedule
{
    private const int MaximumPeriod = 1_000_000_000, DefaultMaximum = 64;

    private readonly (int Period, long Rounds)[] _parts;
    private readonly double _target;
    private readonly int _maximum;
    private int _adapted = 1;

    private PeriodSchedule((int, long)[] parts, double target, int maximum) => (_parts, _target, _maximum) = (parts, target, maximum);

    /// <summary>Rounds done.</summary>
    public long Round { get; private set; }

    /// <summary>Whether <see cref="EndRound"/> wants to know how far apart the replicas were.</summary>
    public bool IsAdaptive => _target > 0;

    /// <summary>Steps of the round at hand.</summary>
    public int Period
    {
        get
        {
            if (IsAdaptive) return _adapted;
            var round = Round;
            foreach (var (period, rounds) in _parts)
            {
                if (round < rounds) return period;
                round -= rounds;
            }
            return _parts[^1].Period;
        }
    }

    /// <summary>Reads a schedule.</summary>
    /// <exception cref="ArgumentException">It is none. One line.</exception>
    public static PeriodSchedule Parse(string text)
    {
        var parts = text.Replace(" ", "").Split(',');
        if (parts is [var only] && only.StartsWith("adaptive", StringComparison.Ordinal))
        {
            var words = only.Split(':');
            long maximum = DefaultMaximum;
            if (words[0] == "adaptive" && words.Length is 2 or 3
                && double.TryParse(words[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var apart) && apart > 0 && double.IsFinite(apart)
                && (words.Length == 2 || TryCount(words[2], out maximum)))
                return new PeriodSchedule([], apart, (int)maximum);
            throw Refused(text);
        }
        var schedule = new (int, long)[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            var words = parts[i].Split('x');
            long rounds = long.MaxValue;
            if (words.Length > 2 || !TryCount(words[0], out var period) || (words.Length == 2 && !TryCount(words[1], out rounds))
                || (words.Length == 1 && i < parts.Length - 1))
                throw Refused(text);
            schedule[i] = ((int)period, rounds);
        }
        return new PeriodSchedule(schedule, 0, 0);
    }

    /// <summary>Goes on to the next round.</summary>
    /// <param name="apart">How far the replicas were apart; not used unless <see cref="IsAdaptive"/>.</param>
    public void EndRound(double apart)
    {
        Round++;
        if (!IsAdaptive) return;
        if (apart > _target) _adapted = Math.Max(1, _adapted / 2);
        else if (apart < _target / 2) _adapted = (int)Math.Min(_maximum, 2L * _adapted);
    }

    /// <summary>Takes up a schedule where a checkpoint left it.</summary>
    public void Restore(long round, int adapted) => (Round, _adapted) = (round, Math.Clamp(adapted, 1, Math.Max(1, _maximum)));

    private static bool TryCount(string text, out long count) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count is >= 1 and <= MaximumPeriod;

    private static ArgumentException Refused(string text) =>
        new($"period: expected steps as 5, a schedule as 1x200,5x1000,20 or adaptive:0.01:64, got {RawFileException.Quote(text)}.");
}
