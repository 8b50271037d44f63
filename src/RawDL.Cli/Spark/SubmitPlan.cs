using System.Globalization;
using System.Text.RegularExpressions;

namespace RawDL.Cli;

/// <summary>A line of spark-submit: what this Spark and this master need so that the program is driver and executors.</summary>
internal sealed partial class SubmitPlan
{
    /// <summary>Where images are taken to have the program.</summary>
    public const string ImagePath = "/opt/rawdl/rawdl";

    private const string Python = "spark.pyspark.python", DriverPython = "spark.pyspark.driver.python", Mode = "spark.api.mode";
    private const string MemoryFormula = "it needs about 200 MiB + the data's bytes + cores x (13 x the parameters' bytes + the activations of a batch)";
    private const string ArchiveName = "rawdl.tar.gz", ArchiveFolder = "rawdl";
    private readonly SparkHome _spark;
    private readonly SubmitRequest _request;
    private readonly RawdlProgram _program;
    private readonly string _folder;
    private readonly SparkMaster _kind;
    private readonly List<string> _files = [], _archives = [];

    private SubmitPlan(SparkHome spark, SubmitRequest request, RawdlProgram program, string folder)
    {
        (_spark, _request, _program, _folder) = (spark, request, program, folder);
        _kind = SubmitRequest.KindOf(request.EffectiveMaster);
    }

    /// <summary>The words behind spark-submit.</summary>
    public List<string> Arguments { get; } = [];

    /// <summary>What may go wrong.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>An empty job description that must be made, or null.</summary>
    public string? EmptyJob { get; private set; }

    /// <summary>An archive of the program's folder that must be made, or null.</summary>
    public string? Archive { get; private set; }

    /// <summary>The folder that goes into the archive.</summary>
    public string ArchivedFolder => _program.Folder;

    /// <summary>Plans a submission.</summary>
    /// <param name="spark">The Spark.</param>
    /// <param name="request">What is wanted.</param>
    /// <param name="program">This program.</param>
    /// <param name="folder">Where files can be made that last as long as the submission.</param>
    /// <exception cref="UsageException">Spark could not do it.</exception>
    public static SubmitPlan Create(SparkHome spark, SubmitRequest request, RawdlProgram program, string folder)
    {
        var plan = new SubmitPlan(spark, request, program, folder);
        plan.Require();
        var (executor, driver) = plan.Place();
        plan.Compose(executor, driver);
        plan.Warn();
        return plan;
    }

    /// <summary>The line as a shell reads it; values of settings that look like secrets are left out.</summary>
    public string Show(Func<string, string?> variable)
    {
        var home = variable("SPARK_HOME") is { Length: > 0 } named && Path.GetFullPath(named) == _spark.Folder ? "" : $"SPARK_HOME={ShellWords.Quote(_spark.Folder)} ";
        return $"{home}{ShellWords.Join([_spark.Submit, .. Shown])}";
    }

    /// <summary>The arguments without values that look like secrets.</summary>
    public IEnumerable<string> Shown => Arguments.Select((word, i) =>
        i > 0 && Arguments[i - 1] == "--conf" && word.IndexOf('=') is > 0 and var end && IsSecret(word[..end]) ? $"{word[..end]}=********" : word);

    private bool IsLocal => _kind == SparkMaster.Local;

    private void Require()
    {
        if (!_spark.IsSupported) throw new UsageException($"Spark: expected {SparkHome.Supported}, got {_spark.Version} in {_spark.Folder}");
        if (_request.Setting("spark.remote") is not null || _request.Variable("SPARK_REMOTE") is { Length: > 0 } || _request.Setting(Mode) is "connect")
            throw new UsageException("Spark: expected the classic mode, got Connect (spark.remote, SPARK_REMOTE or spark.api.mode), which has no gateway for a driver");
        if (_kind == SparkMaster.Standalone && _request.IsCluster)
            throw new UsageException("--deploy-mode: expected client, got cluster: Spark says \"Cluster deploy mode is currently not supported for python applications on standalone clusters\", and rawdl stands where Python would");
        if (_kind is SparkMaster.Local or SparkMaster.LocalCluster && _request.IsCluster)
            throw new UsageException("--deploy-mode: expected client, got cluster: the driver of a local master runs here");
        if (_kind == SparkMaster.Kubernetes && _request.Setting("spark.kubernetes.container.image") is null && _request.Setting("spark.kubernetes.executor.container.image") is null)
            throw new UsageException($"--conf: expected spark.kubernetes.container.image=IMAGE for a k8s master, an image of Spark with rawdl and an empty job.py in {Path.GetDirectoryName(ImagePath)}, got none");
        if (_request.Ship && _request.Program is not null) throw new UsageException("--ship: expected either --ship or --program, got both.");
        if (_request.Ship && _kind == SparkMaster.Kubernetes && _request.IsCluster)
            throw new UsageException("--ship: expected none for k8s in cluster mode, where the driver starts from the image; got one.");
        if (_request.Job is { } job && !job.EndsWith(".py", StringComparison.Ordinal)) throw new UsageException($"--job: expected a file whose name ends in .py, for spark-submit goes by that, got {Message.Quote(job)}");
        if (_request.Job is { } file && !file.Contains(":/", StringComparison.Ordinal) && !File.Exists(file)) throw new UsageException($"--job: expected a job description, got no file {Message.Quote(file)}");
    }

    // What executors start, and what the driver is.
    private (string Executor, string Driver) Place()
    {
        switch (_kind)
        {
            case SparkMaster.Local:
                return (_program.Path, _program.Path);
            case SparkMaster.Kubernetes when !_request.Ship:
                var image = _request.Program ?? ImagePath;
                return (image, _request.IsCluster ? image : _program.Path);
            default:
                if (!_request.Ship && (_kind != SparkMaster.Yarn || _request.Program is not null))
                    return (_request.Program ?? _program.Path, _request.IsCluster ? _request.Program ?? _program.Path : _program.Path);
                var shipped = Ship();
                return (shipped, _request.IsCluster ? shipped : _program.Path);
        }
    }

    private string Ship()
    {
        if (_program.IsSingleFile)
        {
            if (_program.Path.AsSpan().IndexOfAny(',', '#') >= 0) throw new UsageException($"submit: expected a path of rawdl without ',' and '#', which mean something in --files, got {Message.Quote(_program.Path)}");
            _files.Add(_program.Path);
            return $"./{_program.Name}";
        }
        Archive = Path.Combine(_folder, ArchiveName);
        _archives.Add($"{Archive}#{ArchiveFolder}");
        Warnings.Add("this rawdl is a build and not one file: every machine of the cluster needs .NET 10; dotnet publish src/RawDL.Cli -c Release makes one file that needs nothing");
        return $"./{ArchiveFolder}/{_program.Name}";
    }

    private void Compose(string executor, string driver)
    {
        if (_request.Master is { } master) Add("--master", master);
        if (_request.DeployMode is { } mode) Add("--deploy-mode", mode);
        Arguments.AddRange(_request.Passed);
        foreach (var setting in _request.Settings) Add("--conf", setting);
        if (_request.OwnSetting(Python) is null) Add("--conf", $"{Python}={executor}");
        if (_request.OwnSetting(DriverPython) is null) Add("--conf", $"{DriverPython}={driver}");
        if (_spark.Version is not { Major: < 4 } && _request.OwnSetting(Mode) is null) Add("--conf", $"{Mode}=classic");
        // The executors' options are set by the driver, which starts after its own JVM.
        if (TrainingJvm.Suits(Command()) && _request.Setting(TrainingJvm.DriverKey) is null && !_request.Passed.Contains("--driver-java-options"))
            Add("--conf", $"{TrainingJvm.DriverKey}={TrainingJvm.Options}");
        // The option hides the setting of the same meaning: ours joins what is there.
        AddList("--files", _request.Files, _kind == SparkMaster.Yarn ? "spark.yarn.dist.files" : "spark.files", _files);
        AddList("--archives", _request.Archives, _kind == SparkMaster.Yarn ? "spark.yarn.dist.archives" : "spark.archives", _archives);
        Arguments.Add(_request.Job ?? DefaultJob());
        Arguments.AddRange(_request.Words);
    }

    // What the driver will run, as far as it can be read here.
    private IReadOnlyList<string> Command() => _request.Job is { } job && File.Exists(job) ? JobDescription.Apply(job, [.. _request.Words]) : _request.Words;

    private string DefaultJob()
    {
        if (_kind == SparkMaster.Kubernetes && _request.IsCluster) return $"local://{(_request.Program ?? ImagePath)[..(_request.Program ?? ImagePath).LastIndexOf('/')]}/job.py";
        return EmptyJob = Path.Combine(_folder, "job.py");
    }

    private void Add(string option, string value)
    {
        Arguments.Add(option);
        Arguments.Add(value);
    }

    private void AddList(string option, string? given, string key, List<string> own)
    {
        if (given is null && own.Count == 0) return;
        string?[] all = [given ?? _request.Setting(key), .. own];
        Add(option, string.Join(',', all.Where(text => !string.IsNullOrEmpty(text))));
    }

    private void Warn()
    {
        if (_spark.Version is null) Warnings.Add($"{_spark.Folder}: expected a file RELEASE or jars/spark-core_*.jar that tells the release, got neither; {SparkHome.Supported} is needed");
        if (_request.Setting("spark.dynamicAllocation.enabled") == "true" && (_request.Words.Contains("ranks") || _request.Words.Contains("--spark-mode=ranks")))
            Warnings.Add("ranks and spark.dynamicAllocation.enabled=true: Spark refuses a barrier stage then; add --conf spark.dynamicAllocation.enabled=false");
        if (_request.Setting("spark.python.use.daemon") == "false")
            Warnings.Add("spark.python.use.daemon=false starts a process for each task and loads data and network anew; leave it out");
        if (_kind == SparkMaster.Standalone && !_request.Ship && _request.Program is null)
            Warnings.Add($"every worker starts {_program.Path}; where they do not share that path add --ship");
        foreach (var setting in _request.Settings)
            if (setting.IndexOf('=') is > 0 and var end && IsSecret(setting[..end]))
                Warnings.Add($"{Message.OneLine(setting[..end], 100)} on a command line can be read by every user of this machine; put it into a file for --properties-file that only you can read");
        if (_kind is SparkMaster.Yarn or SparkMaster.Kubernetes) WarnOfMemory();
    }

    private void WarnOfMemory()
    {
        if (_request.Setting("spark.executor.memoryOverhead") is not null) return;
        var kubernetes = _kind == SparkMaster.Kubernetes;
        var memory = SubmitRequest.ParseMebibytes("spark.executor.memory", _request.Setting("spark.executor.memory") ?? "1g");
        var factor = _request.Setting("spark.executor.memoryOverheadFactor") ?? (kubernetes ? _request.Setting("spark.kubernetes.memoryOverheadFactor") : null);
        if (!double.TryParse(factor, NumberStyles.Float, CultureInfo.InvariantCulture, out var share)) share = kubernetes ? 0.4 : 0.1;
        Warnings.Add(string.Create(CultureInfo.InvariantCulture,
            $"rawdl works outside the JVM's heap, in spark.executor.memoryOverhead: now max(384 MiB, {share:P0} of {memory} MiB) = {Math.Max(384, (long)(share * memory))} MiB; {MemoryFormula}"));
    }

    // As Spark's own spark.redaction.regex; names of Kubernetes secrets and files of tokens are no secrets themselves.
    private static bool IsSecret(string key) => SecretPattern().IsMatch(key) && !key.StartsWith("spark.kubernetes.", StringComparison.Ordinal);

    [GeneratedRegex("secret|password|token|access[.]?key", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex SecretPattern();
}
