namespace RawDL.Cli.Tests;

/// <summary>A folder that looks like a Spark, whose spark-submit is a script of the test.</summary>
internal static class FakeSpark
{
    /// <summary>Makes one with a RELEASE file, or only a jar, and gives its folder.</summary>
    public static string Create(string version, string script = "exit 0", bool jarOnly = false)
    {
        var home = TrainedRun.Fresh("spark");
        Directory.CreateDirectory(Path.Combine(home, "bin"));
        Directory.CreateDirectory(Path.Combine(home, "jars"));
        if (!jarOnly) File.WriteAllText(Path.Combine(home, "RELEASE"), $"Spark {version} (git revision 0123456) built for Hadoop 3.3.4\nBuild flags: -Pyarn\n");
        File.WriteAllText(Path.Combine(home, "jars", $"spark-core_2.12-{version}.jar"), "");
        WriteScript(Path.Combine(home, "bin", "spark-submit"), script);
        return home;
    }

    /// <summary>Makes a folder for the PATH with a java that says this.</summary>
    public static string CreateJava(string script)
    {
        var home = TrainedRun.Fresh("java");
        Directory.CreateDirectory(Path.Combine(home, "bin"));
        WriteScript(Path.Combine(home, "bin", "java"), script);
        return home;
    }

    private static void WriteScript(string path, string script)
    {
        File.WriteAllText(path, $"#!/bin/sh\n{script}\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
