namespace RawDL.Cli.Tests;

/// <summary><c>rawdl bench</c> gives plausible numbers.</summary>
[Category("Program")]
public sealed class BenchTests
{
    [Test]
    public void Every_row_is_measured_against_the_ceiling()
    {
        var bench = Rawdl.Run("bench", "--seconds", "0.01", "--batch", "8", "--threads", "1", "--json").Json();
        Assert.That(bench.GetProperty("fma_ceiling_gflops").GetDouble(), Is.GreaterThan(0));
        var rows = bench.GetProperty("rows").EnumerateArray().ToList();
        Assert.That(rows, Has.Count.EqualTo(11));
        foreach (var row in rows)
        {
            Assert.That(row.GetProperty("milliseconds").GetDouble(), Is.GreaterThan(0));
            // Above 1 only where the ceiling was disturbed more than the row.
            Assert.That(row.GetProperty("fraction_of_ceiling").GetDouble(), Is.InRange(0, 4), row.GetProperty("name").GetString());
        }
        Assert.That(rows.Count(row => row.TryGetProperty("images_per_second", out _)), Is.EqualTo(6));
    }
}
