using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using RawDL.Benchmarks;

// quick [kernels [THREADS]] | step [BATCH [THREADS]] | allreduce [LIBRARY], under mpiexec | the options of BenchmarkDotNet: see the README.
if (args is ["step", .. var rest])
{
    QuickBenchmarks.Step(batch: rest is [var batch, ..] ? int.Parse(batch) : 64, threads: rest is [_, var count] ? int.Parse(count) : 2);
    return 0;
}
if (args is ["allreduce", .. var library]) return AllReduceTiming.Run(library is [var path] ? path : null);
if (args is ["quick", ..])
{
    QuickBenchmarks.Run(kernels: args is [_, "kernels", ..], threads: args is [_, _, var threads] ? int.Parse(threads) : 2);
    return 0;
}
// In this process: the build of a child project takes minutes on a small machine.
var config = DefaultConfig.Instance.AddColumn(new RateColumn()).AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
BenchmarkSwitcher.FromAssembly(typeof(LeNetStep).Assembly).Run(args, config);
return 0;
