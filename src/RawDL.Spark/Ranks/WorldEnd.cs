namespace RawDL.Spark;

/// <summary>How the ranks of one attempt ended: what happened first, not what followed from it.</summary>
/// <param name="Rank">The rank that it began with; -1 if all ended in order with code 0.</param>
/// <param name="Code">Its exit code; null if none is known.</param>
/// <param name="Reason">In words; empty after an end in order.</param>
internal sealed record WorldEnd(int Rank, int? Code, string Reason);
