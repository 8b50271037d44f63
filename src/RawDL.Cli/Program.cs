using RawDL.Cli;
using RawDL.Spark;

// Before anything is written: an executor of Spark reads the first bytes of the standard output.
if (SparkEntry.TryRun(args, SparkTasks.All, out var exitCode)) return exitCode;
// A rank inside a task of Spark finds its launcher here.
RankChild.Begin(RankLibrary.Missing);
// Open MPI gives a rank a terminal, which the console would greet with escapes, whatever becomes of the output.
if (World.Launcher is not null) Environment.SetEnvironmentVariable("TERM", "dumb");
return SparkJob.Run(args, words => Application.Run(words, Console.Out, Console.Error));
