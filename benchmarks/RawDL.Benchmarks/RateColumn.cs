using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace RawDL.Benchmarks;

/// <summary>Work per second, from the <see cref="IWorkload"/> among the parameters and the median time.</summary>
public sealed class RateColumn : IColumn
{
    public string Id => nameof(RateColumn);
    public string ColumnName => "Rate";
    public string Legend => "Work per second at the median time";
    public bool AlwaysShow => true;
    public ColumnCategory Category => ColumnCategory.Custom;
    public int PriorityInCategory => 0;
    public bool IsNumeric => true;
    public UnitType UnitType => UnitType.Dimensionless;
    public bool IsAvailable(Summary summary) => true;
    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;
    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        var workload = benchmarkCase.Parameters.Items.Select(item => item.Value).OfType<IWorkload>().First();
        return summary[benchmarkCase]?.ResultStatistics is { } statistics
            ? FormattableString.Invariant($"{workload.Amount / (statistics.Median * 1e-9):F1} {workload.Unit}") : "-";
    }
}
