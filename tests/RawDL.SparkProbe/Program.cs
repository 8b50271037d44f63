// Both sides of a Spark application. Arguments on the driver: job.py, then the names of checks; each prints "PASS|FAIL name milliseconds detail".
// With the variable RAWDL_TEST_CRASH, a folder, executors of rawdl that crash on request (CrashingRounds).
using RawDL.Spark;
using RawDL.SparkProbe;

var tasks = Environment.GetEnvironmentVariable(CrashingRounds.Variable) is { } folder ? new CrashingRounds(folder).Tasks : Tasks.All;
if (SparkEntry.TryRun(args, tasks, out var exitCode)) return exitCode;
if (SparkDriver.Detect() is not { } driver)
{
    Console.Error.WriteLine("RawDL.SparkProbe: expected spark-submit as the parent, got none");
    return 2;
}
driver.EndWithJvm();
using var spark = driver.Start(new SparkOptions { Name = "probe" });
var failed = new Checks(spark).Run(args[1..]);
spark.Exit(failed);
return failed;
