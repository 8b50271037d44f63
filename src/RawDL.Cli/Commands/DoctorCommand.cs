using System.CommandLine;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text;
using RawDL.Cuda;
using RawDL.Mpi;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary><c>rawdl doctor</c>: what this machine offers and lacks, each line with what to do.</summary>
internal static class DoctorCommand
{
    private const long LittleSpace = 1L << 30;
    private const long LittleMemory = 2L << 30;

    private enum Verdict { Ok, Warn, Fail }

    private sealed record Finding(Verdict Verdict, string Name, string Text, string Advice = "", ExitCode Code = ExitCode.Ok);

    public static Command Create()
    {
        var folder = Values.Path("--out", "DIR", "The folder where runs would be written; this one by default.");
        var data = new DataChoice();
        var command = new ExampleCommand("doctor", "Check this machine: processor, memory, disk, plots, MPI, data, Spark and Java.", "rawdl doctor", "rawdl doctor --out /scratch/runs --data-dir /scratch/data") { folder };
        data.AddFolderTo(command);
        command.SetAction(parsed => Run(parsed, parsed.GetValue(folder) ?? ".", data));
        return command;
    }

    private static int Run(ParseResult parsed, string folder, DataChoice data)
    {
        var session = Session.Open(parsed);
        List<Finding> findings = [Processor(), Threads(), Memory(), Runtime(), Sync(folder), Space(folder), Temporary(), Plotting(), Ranks(), Gpu(), .. Data(data.Options(parsed, session)), .. Spark()];
        session.Emit(
            json =>
            {
                json.WriteStartObject();
                json.WriteStartArray("checks");
                foreach (var finding in findings)
                {
                    json.WriteStartObject();
                    json.WriteString("verdict", Word(finding.Verdict));
                    json.WriteString("name", finding.Name);
                    json.WriteString("text", finding.Text);
                    if (finding.Advice.Length > 0) json.WriteString("advice", finding.Advice);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            },
            text =>
            {
                foreach (var finding in findings)
                    text.WriteLine($"{Word(finding.Verdict),-4}  {finding.Name,-18}  {finding.Text}{(finding.Advice.Length == 0 ? "" : $"; {finding.Advice}")}");
            });
        return (int)(findings.FirstOrDefault(f => f.Verdict == Verdict.Fail)?.Code ?? ExitCode.Ok);
    }

    private static string Word(Verdict verdict) => verdict switch { Verdict.Ok => "OK", Verdict.Warn => "WARN", _ => "FAIL" };

    private static Finding Processor()
    {
        var text = $"{RuntimeInformation.ProcessArchitecture}, kernels use {CpuDevice.InstructionSet}";
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64) return new(Verdict.Ok, "processor", text);
        if (Avx512F.IsSupported) return new(Verdict.Ok, "processor", $"{text}; AVX-512{(Vector512.IsHardwareAccelerated ? "" : " (the runtime prefers 256 bits)")}, AVX2, FMA");
        return Avx2.IsSupported && Fma.IsSupported
            ? new(Verdict.Ok, "processor", text)
            : new(Verdict.Warn, "processor", text, "training is several times slower without AVX2 and FMA: unset DOTNET_EnableAVX2 and the like, or use a processor from 2013 or later");
    }

    private static Finding Threads() => new(Verdict.Ok, "threads", $"{Environment.ProcessorCount} usable by this process");

    private static Finding Memory()
    {
        var bytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return bytes < LittleMemory
            ? new(Verdict.Warn, "memory", $"{Gibibytes(bytes)} usable", "use a smaller --batch, or raise the limit of the container or job")
            : new(Verdict.Ok, "memory", $"{Gibibytes(bytes)} usable");
    }

    private static Finding Runtime() => new(Verdict.Ok, ".NET", RuntimeInformation.FrameworkDescription);

    private static Finding Sync(string folder)
    {
        var probe = Path.Combine(folder, $".rawdl-doctor-{Environment.ProcessId}");
        try
        {
            Directory.CreateDirectory(folder);
            Durable.WriteAllBytes(probe, Encoding.UTF8.GetBytes("probe"));
            File.Delete(probe);
            return new(Verdict.Ok, "disk sync", $"{Path.GetFullPath(folder)} takes checkpoints");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return new(Verdict.Fail, "disk sync", Message.OneLine(failure.Message, 200), "choose another folder with --out", ExitCode.InputOutput);
        }
    }

    private static Finding Space(string folder)
    {
        try
        {
            var free = new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
            return free < LittleSpace
                ? new(Verdict.Warn, "disk space", $"{Gibibytes(free)} free", "make room or choose another folder with --out")
                : new(Verdict.Ok, "disk space", $"{Gibibytes(free)} free");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return new(Verdict.Warn, "disk space", Message.OneLine(failure.Message, 200), "choose another folder with --out");
        }
    }

    private static Finding Temporary()
    {
        try
        {
            Directory.CreateTempSubdirectory("rawdl-").Delete();
            return new(Verdict.Ok, "temporary", Path.GetTempPath());
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return new(Verdict.Warn, "temporary", Message.OneLine(failure.Message, 200), "set TMPDIR to a folder that can be written; without it there are no pictures");
        }
    }

    private static Finding Plotting()
    {
        try
        {
            PlotLibrary.Load();
            return new(Verdict.Ok, "plots", "PNG and SVG");
        }
        catch (PlatformNotSupportedException failure)
        {
            return new(Verdict.Warn, "plots", Message.OneLine(failure.Message, 200), "runs write no pictures until then");
        }
    }

    private static Finding Ranks()
    {
        try
        {
            var found = MpiInstallation.Find();
            return new(Verdict.Ok, "MPI", Message.OneLine($"{found.Path}, {found.Version}", 200));
        }
        catch (MpiException failure)
        {
            return new(Verdict.Warn, "MPI", Message.OneLine(failure.Message, 400));
        }
    }

    // Without a GPU training is the processor's work, which is nothing amiss; a GPU without a compiler for its kernels is.
    private static Finding Gpu()
    {
        var gpus = CudaDevices.List();
        if (gpus.Devices.Count == 0) return new(Verdict.Ok, "GPU", $"none: {gpus.Reason}");
        var text = string.Join(", ", gpus.Devices.Select((gpu, i) => $"cuda:{i} {gpu}"));
        return CudaDevices.Compiler() is { } compiler
            ? new(Verdict.Ok, "GPU", $"{text}; {compiler}")
            : new(Verdict.Warn, "GPU", text, "install NVRTC (libnvrtc.so.12, in CUDA's nvrtc package), or name it in RAWDL_NVRTC_LIBRARY; it compiles the kernels at their first use");
    }

    private static IEnumerable<Finding> Data(DataOptions options) => Datasets.Catalog.Select(source => Datasets.Find(source, options) is { } folder
        ? new Finding(Verdict.Ok, $"data {source.Name}", folder)
        : source.Files.Count == 0 ? new Finding(Verdict.Ok, $"data {source.Name}", "drawn by the program")
        : new Finding(Verdict.Warn, $"data {source.Name}", "not here", $"rawdl data fetch {source.Name}, or --data-dir or RAWDL_DATA with the folder above {source.Name}"));

    // Training on one machine needs neither Spark nor Java: only what does not fit is amiss.
    private static IEnumerable<Finding> Spark()
    {
        SparkHome? spark = null;
        Finding? wrong = null;
        try
        {
            spark = SparkHome.Find(null, Environment.GetEnvironmentVariable);
        }
        catch (UsageException missing)
        {
            wrong = Environment.GetEnvironmentVariable("SPARK_HOME") is { Length: > 0 } ? new(Verdict.Warn, "Spark", missing.Message) : new(Verdict.Ok, "Spark", "none", "for rawdl submit download a release of 3.3 to 4.3 from spark.apache.org and set SPARK_HOME");
        }
        yield return wrong ?? Describe(spark!);
        yield return Java(spark);
        if (spark is not null && RankLibrary.Missing() is not null)
            yield return new(Verdict.Warn, "Spark ranks", "no MPI library of the MPICH family", "--spark-mode ranks needs one on every executor: apt-get install libmpich12, or name it in RAWDL_MPI_LIB");
    }

    private static Finding Describe(SparkHome spark)
    {
        var text = $"{spark.Version?.Text ?? "of an unknown release"} in {Message.OneLine(spark.Folder, 200)}";
        if (!spark.IsSupported) return new(Verdict.Warn, "Spark", text, $"rawdl submit needs {SparkHome.Supported}");
        return spark.Version is null ? new(Verdict.Warn, "Spark", text, "a download of spark.apache.org has a file RELEASE and a folder jars") : new(Verdict.Ok, "Spark", text);
    }

    private static Finding Java(SparkHome? spark)
    {
        var (needed, fits) = JavaHome.Required(spark?.Version);
        if (JavaHome.Find(Environment.GetEnvironmentVariable) is not { } java)
            return spark is null ? new(Verdict.Ok, "Java", "none", "only Spark needs it") : new(Verdict.Warn, "Java", Environment.GetEnvironmentVariable("JAVA_HOME") is { Length: > 0 } home ? $"none in JAVA_HOME, {Message.OneLine(home, 200)}" : "none", $"Spark {spark.Version} needs {needed}: apt-get install openjdk-17-jre-headless, or set JAVA_HOME");
        if (java.AskVersion() is not { } version) return new(Verdict.Warn, "Java", $"{Message.OneLine(java.Program, 200)} does not tell its version", "try java -version");
        var text = $"{version}, {Message.OneLine(java.Program, 200)}";
        return spark is null || fits(version) ? new(Verdict.Ok, "Java", text) : new(Verdict.Warn, "Java", text, $"Spark {spark.Version} needs {needed}: set JAVA_HOME");
    }

    private static string Gibibytes(long bytes) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):F1} GiB");
}
