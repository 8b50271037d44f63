using System.Net;

namespace RawDL.Spark;

/// <summary>Where the replicas of the next round meet: in the processes that did the last one. An executor that was lost is missed once; where executors do not reach each other, replicas try ever more seldom.</summary>
internal sealed class RoundMeeting
{
    // Rounds, as a power of 2.
    private const int MostPause = 10;
    private int _misses, _pause;

    /// <summary>The adders of the last round; null where there were none.</summary>
    public RoundAddress[]? Adders { get; private set; }

    /// <summary>Those to meet at now; null for Spark's own exchange.</summary>
    public RoundAddress[]? Next()
    {
        _pause = Math.Max(0, _pause - 1);
        return _pause > 0 ? null : Adders;
    }

    /// <summary>Takes the addresses that the replicas of a round told, by rank; of no use where some listen to their own machine alone.</summary>
    public void Learn(IReadOnlyDictionary<int, RoundAddress> told)
    {
        var different = told.OrderBy(one => one.Key).Select(one => one.Value).Distinct().ToArray();
        var kinds = different.DistinctBy(one => IPAddress.TryParse(one.Host, out var address) && IPAddress.IsLoopback(address)).Count();
        Adders = kinds == 1 ? different : null;
    }

    /// <summary>All met.</summary>
    public void Succeed() => _misses = 0;

    /// <summary>Somebody was not met: the round is done again, and some after it, otherwise.</summary>
    public void Fail() => _pause = 1 << Math.Min(_misses++, MostPause);
}
