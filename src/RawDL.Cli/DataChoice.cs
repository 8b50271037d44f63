using System.CommandLine;
using RawDL.NN;
using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>The options that choose the data.</summary>
internal sealed class DataChoice
{
    private readonly Option<string?> _data = Values.Path("--data", "NAME|PATH", "A data set by name (see 'rawdl data list'), or a CSV or Parquet file, a folder of images, IDX, npy or Parquet files; under spark-submit also on hdfs:// and elsewhere.");
    private readonly Option<string?> _folder = Values.Path("--data-dir", "DIR", "Where data sets lie, a folder each; $RAWDL_DATA and the user's cache are looked at too.");
    private readonly Option<string?> _labelColumn = Values.Path("--label-column", "COLUMN", "CSV, Parquet and other tables: the column with the label; by default the last one of a CSV file, and 'label' in other tables.");
    private readonly Option<int?> _train = Values.Integer("--train-size", "digits: number of training samples.", 1, 2_000_000);
    private readonly Option<int?> _test = Values.Integer("--test-size", "digits: number of test samples.", 1, 2_000_000);
    private readonly SparkDataChoice _spark = new();
    private readonly Lock _gate = new();
    private (string Name, DataSelection Selection, DatasetPair Data)? _opened;

    public void AddTo(Command command)
    {
        command.Add(_data);
        AddFolderTo(command);
        command.Add(_labelColumn);
        _spark.AddTo(command);
        command.Add(_train);
        command.Add(_test);
    }

    public void AddFolderTo(Command command) => command.Add(_folder);

    /// <summary>The data's name or path, and what of it is used: as given, else as the configuration has it; null where neither names any.</summary>
    public (string? Name, DataSelection Selection) Choose(ParseResult parsed, TrainingConfiguration? configuration)
    {
        var name = _spark.Name(parsed, parsed.GetValue(_data)) ?? configuration?.Data;
        var kept = name == configuration?.Data ? configuration?.Selection : null;
        // A path is kept absolute: the run may be resumed from elsewhere.
        if (Datasets.Catalog.All(source => source.Name != name) && Path.Exists(name)) name = Path.GetFullPath(name);
        return (name, _spark.Select(parsed, new DataSelection(parsed.GetValue(_labelColumn) ?? kept?.LabelColumn, parsed.GetValue(_train) ?? kept?.TrainSize, parsed.GetValue(_test) ?? kept?.TestSize), kept));
    }

    /// <summary>True where the command line names rows that Spark reads, as a query or a table.</summary>
    public bool NamesRows(ParseResult parsed) => _spark.NamesRows(parsed);

    /// <summary>Opens the data; downloads what is known by name and not found. Ranks that are threads share it.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="session">The rank's own.</param>
    /// <param name="nameOrPath">As <see cref="Choose"/> has it.</param>
    /// <param name="selection">As <see cref="Choose"/> has it.</param>
    /// <param name="model">That is scored: tables have its classes and the shape of its samples.</param>
    public DatasetPair Open(ParseResult parsed, Session session, string nameOrPath, DataSelection selection, Model? model = null)
    {
        lock (_gate)
        {
            if (_opened is { } opened && (opened.Name, opened.Selection) == (nameOrPath, selection)) return opened.Data;
            var options = Options(parsed, session) with { LabelColumn = selection.LabelColumn, TrainSize = selection.TrainSize, TestSize = selection.TestSize, Sample = model?.SampleShape, ClassNames = model?.ClassNames };
            // A rank inside a task of Spark has the data as a file, whatever they are called.
            var data = Environment.GetEnvironmentVariable(RankChild.DataVariable) is { } packed ? Datasets.Open(packed, new DataOptions()) : SparkDataChoice.Open(nameOrPath, selection, options);
            _opened = (nameOrPath, selection, data);
            return data;
        }
    }

    /// <summary>As the form without ranks, called by all: one of each machine opens the data first, so that it is downloaded once.</summary>
    public DatasetPair Open(ParseResult parsed, Session session, ICommunicator communicator, string nameOrPath, DataSelection selection, Model? model = null)
    {
        var machine = communicator.SplitByNode();
        if (machine.Rank > 0) machine.Barrier();
        var data = Open(parsed, session, nameOrPath, selection, model);
        if (machine.Rank == 0) machine.Barrier();
        return data;
    }

    /// <summary>How data is looked for.</summary>
    public DataOptions Options(ParseResult parsed, Session session) => new()
    {
        Directory = parsed.GetValue(_folder),
        Say = session.Say,
        Progress = new DownloadLines(session),
        Cancel = Signals.Stop,
    };
}
