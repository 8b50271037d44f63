using System.Globalization;

namespace RawDL.Cli;

/// <summary>What a user asks of <c>rawdl submit</c>.</summary>
internal sealed record SubmitRequest
{
    /// <summary>--master as given, or null.</summary>
    public string? Master { get; init; }

    /// <summary>--deploy-mode as given, or null.</summary>
    public string? DeployMode { get; init; }

    /// <summary>--conf, each key=value.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>What spark-submit will read beside the line: spark-defaults.conf or --properties-file.</summary>
    public IReadOnlyDictionary<string, string> Defaults { get; init; } = new Dictionary<string, string>();

    /// <summary>Options for spark-submit alone, as names and values.</summary>
    public IReadOnlyList<string> Passed { get; init; } = [];

    /// <summary>--files, or null.</summary>
    public string? Files { get; init; }

    /// <summary>--archives, or null.</summary>
    public string? Archives { get; init; }

    /// <summary>Send the program.</summary>
    public bool Ship { get; init; }

    /// <summary>Where the cluster's machines have the program; null if that is not said.</summary>
    public string? Program { get; init; }

    /// <summary>job.py, or null for an empty one.</summary>
    public string? Job { get; init; }

    /// <summary>The command of this program.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>The environment, which spark-submit reads too.</summary>
    public Func<string, string?> Variable { get; init; } = _ => null;

    /// <summary>The master that spark-submit will take.</summary>
    public string EffectiveMaster => Master ?? Setting("spark.master") ?? Variable("MASTER") ?? "local[*]";

    /// <summary>True if the driver runs in the cluster.</summary>
    public bool IsCluster => (DeployMode ?? Setting("spark.submit.deployMode") ?? Variable("DEPLOY_MODE")) == "cluster";

    /// <summary>A setting as Spark will see it.</summary>
    public string? Setting(string key) => OwnSetting(key) ?? Defaults.GetValueOrDefault(key);

    /// <summary>A setting of the line; the last one counts.</summary>
    public string? OwnSetting(string key) =>
        Settings.LastOrDefault(setting => setting.StartsWith(key, StringComparison.Ordinal) && setting.Length > key.Length && setting[key.Length] == '=')?[(key.Length + 1)..];

    /// <summary>The kind of a master.</summary>
    /// <exception cref="ArgumentException">None that Spark has.</exception>
    public static SparkMaster KindOf(string master) => master switch
    {
        "local" => SparkMaster.Local,
        "yarn" => SparkMaster.Yarn,
        _ when master.StartsWith("local[", StringComparison.Ordinal) && master.EndsWith(']') => SparkMaster.Local,
        _ when master.StartsWith("local-cluster[", StringComparison.Ordinal) && master.EndsWith(']') => SparkMaster.LocalCluster,
        _ when master.StartsWith("spark://", StringComparison.Ordinal) && master.Length > 8 => SparkMaster.Standalone,
        _ when master.StartsWith("k8s://", StringComparison.Ordinal) && master.Length > 6 => SparkMaster.Kubernetes,
        _ => throw new ArgumentException($"master: expected local, local[N], local-cluster[N,cores,MB], spark://HOST:PORT, yarn or k8s://URL, got {Message.Quote(master)}."),
    };

    /// <summary>MiB of a text as Spark reads it: 512m, 4g; a bare number has the unit that Spark takes for it, MiB.</summary>
    /// <exception cref="ArgumentException">None.</exception>
    public static long ParseMebibytes(string name, string text)
    {
        var digits = text.TakeWhile(char.IsAsciiDigit).Count();
        if (digits is > 0 and <= 12 && long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var amount) && amount > 0)
            switch (text[digits..].ToLowerInvariant())
            {
                case "" or "m" or "mb": return amount;
                case "k" or "kb": return amount >> 10;
                case "g" or "gb": return amount << 10;
                case "t" or "tb": return amount << 20;
            }
        throw new ArgumentException($"{name}: expected a size such as 4g or 512m, got {Message.Quote(text)}.");
    }
}
