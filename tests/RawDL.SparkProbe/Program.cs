// Both sides of a Spark application. Arguments on the driver: job.py, then the names of checks; each prints "PASS|FAIL name milliseconds detail".
using RawDL.Spark;
using RawDL.SparkProbe;

if (SparkEntry.TryRun(args, Tasks.All, out var exitCode)) return exitCode;
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
