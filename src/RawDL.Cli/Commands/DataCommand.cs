using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary><c>rawdl data</c>: which data sets there are, where they lie, and what they look like.</summary>
internal static class DataCommand
{
    public static Command Create() => new("data", "List, fetch and look at data sets.") { List(), Fetch(), Preview() };

    private static ExampleCommand List()
    {
        var data = new DataChoice();
        var command = new ExampleCommand("list", "List the data sets that are known by name, and where they lie.", "rawdl data list", "rawdl data list --data-dir /scratch/data --json");
        data.AddFolderTo(command);
        command.SetAction(parsed =>
        {
            var session = Session.Open(parsed);
            var options = data.Options(parsed, session);
            var found = Datasets.Catalog.Select(source => (source, Datasets.Find(source, options))).ToList();
            session.Emit(json => WriteJson(json, found), text => Write(text, found));
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static ExampleCommand Fetch()
    {
        var data = new DataChoice();
        var name = Values.ChoiceArgument("name", "The data set.", Datasets.Catalog.Where(source => source.Files.Count > 0).Select(source => source.Name).ToArray());
        var command = new ExampleCommand("fetch", "Download a data set, checked by SHA-256, where it is not found already.", "rawdl data fetch mnist", "rawdl data fetch cifar10 --data-dir /scratch/data") { name };
        data.AddFolderTo(command);
        command.SetAction(parsed =>
        {
            Signals.Watched = true;
            var session = Session.Open(parsed);
            var options = data.Options(parsed, session);
            var source = Datasets.Catalog.First(s => s.Name == parsed.GetValue(name));
            var folder = Datasets.Find(source, options) ?? Datasets.Fetch(source, options);
            session.Emit(
                json =>
                {
                    json.WriteStartObject();
                    json.WriteString("name", source.Name);
                    json.WriteString("folder", folder);
                    json.WriteEndObject();
                },
                text => text.WriteLine($"{source.Name}: {folder}"));
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static ExampleCommand Preview()
    {
        var data = new DataChoice();
        var name = Values.PathArgument("data", "A data set by name, or its path; digits by default.", ArgumentArity.ZeroOrOne);
        var picture = Values.Path("--out", "FILE", "The picture, a PNG file.");
        var rows = Values.Integer("--rows", "Rows of samples; 10 by default, a class each where there are ten.", 1, 1000);
        var columns = Values.Integer("--columns", "Columns of samples; 16 by default.", 1, 1000);
        var split = Values.Choice("--split", "Which part: train (the default) or test.", "train", "test");
        name.CompletionSources.Add(Datasets.Catalog.Select(source => source.Name).ToArray());
        var command = new ExampleCommand("preview", "Draw a sheet of samples as a PNG file.",
            "rawdl data preview --out digits.png", "rawdl data preview mnist --split test --rows 10 --columns 30 --out mnist.png") { name, picture, rows, columns, split };
        data.AddFolderTo(command);
        command.SetAction(parsed =>
        {
            Signals.Watched = true;
            var session = Session.Open(parsed);
            var path = parsed.GetValue(picture) ?? throw new UsageException("--out: expected a file for the picture, as --out digits.png, got none.");
            var pair = Datasets.Open(parsed.GetValue(name) ?? "digits", data.Options(parsed, session));
            var part = parsed.GetValue(split) == "test" ? pair.Test : pair.Train;
            SampleSheet.WritePng(path, part, parsed.GetValue(rows) ?? 10, parsed.GetValue(columns) ?? 16);
            session.Emit(
                json =>
                {
                    json.WriteStartObject();
                    json.WriteString("data", part.Name);
                    json.WriteNumber("count", part.Count);
                    json.WriteString("picture", path);
                    json.WriteEndObject();
                },
                text => text.WriteLine($"{path}: samples of {part.Name}, {part.Count} in all"));
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static void WriteJson(Utf8JsonWriter json, List<(DatasetSource Source, string? Folder)> found)
    {
        json.WriteStartObject();
        json.WriteStartArray("sets");
        foreach (var (source, folder) in found)
        {
            json.WriteStartObject();
            json.WriteString("name", source.Name);
            json.WriteString("description", source.Description);
            json.WriteNumber("train", source.TrainCount);
            json.WriteNumber("test", source.TestCount);
            json.WriteStartArray("sample");
            foreach (var extent in source.SampleShape.ToArray()) json.WriteNumberValue(extent);
            json.WriteEndArray();
            json.WriteStartArray("classes");
            foreach (var label in source.ClassNames) json.WriteStringValue(label);
            json.WriteEndArray();
            json.WriteNumber("download_bytes", source.TotalBytes);
            json.WriteBoolean("ready", folder is not null || source.Files.Count == 0);
            json.WriteString("folder", folder);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(TextWriter text, List<(DatasetSource Source, string? Folder)> found)
    {
        var table = new TextTable("name", ">train", ">test", ">classes", "sample", "where");
        foreach (var (source, folder) in found)
            table.Add(source.Name, Number(source.TrainCount), Number(source.TestCount), Number(source.Classes), $"{source.SampleShape}", Where(source, folder));
        table.Write(text);
    }

    private static string Where(DatasetSource source, string? folder) => folder ?? (source.Files.Count == 0
        ? "drawn by the program"
        : string.Create(CultureInfo.InvariantCulture, $"not here: rawdl data fetch {source.Name} ({source.TotalBytes / 1e6:F0} MB)"));

    private static string Number(int value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
