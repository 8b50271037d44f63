namespace RawDL.Mpi.Tests;

/// <summary>What came of a run of ranks.</summary>
/// <param name="ExitCode">The launcher's.</param>
/// <param name="Output">Standard output and error of all.</param>
/// <param name="Time">From start to end.</param>
internal sealed record RankRun(int ExitCode, string Output, TimeSpan Time);
