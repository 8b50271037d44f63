using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;
using RawDL.Benchmarks;

// quick [kernels [THREADS]] | step [BATCH [THREADS]] | the options of BenchmarkDotNet: see the README.
if (args is ["step", .. var rest])
{
    QuickBenchmarks.Step(batch: rest is [var batch, ..] ? int.Parse(batch) : 64, threads: rest is [_, var count] ? int.Parse(count) : 2);
    return;
}
if (args is ["quick", ..])
{
    QuickBenchmarks.Run(kernels: args is [_, "kernels", ..], threads: args is [_, _, var threads] ? int.Parse(threads) : 2);
    return;
}
BenchmarkSwitcher.FromAssembly(typeof(LeNetStep).Assembly).Run(args, DefaultConfig.Instance.AddColumn(new RateColumn()));
