using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary><c>rawdl net show</c>: the layers of a network with their shapes, parameters and work.</summary>
internal sealed class NetCommand
{
    private static readonly Shape RecipeInput = new(1, 28, 28);

    private readonly Argument<string?> _network = Values.PathArgument("network", $"A model, the folder of a run, a configuration (.json), or one of {string.Join(", ", Recipes.Names)}.", ArgumentArity.ExactlyOne);
    private readonly Option<Shape?> _input = Values.Shape("--input", "Shape of one sample, as 3,32,32; that of the model or of the data by default.");

    /// <summary>A layer in order of work; what its activation adds is counted with it, what stands in its own rows is not.</summary>
    private sealed record Row(Layer Layer, int Depth, string? Activation, int Parameters, long Flops);

    public static Command Create()
    {
        var net = new NetCommand();
        net._network.CompletionSources.Add([.. Recipes.Names]);
        var show = new ExampleCommand("show", "Show the layers with output shapes, parameters and floating-point operations per image.",
            "rawdl net show lenet", "rawdl net show resnet --input 3,32,32", "rawdl net show runs/lenet --json") { net._network, net._input };
        show.SetAction(net.Run);
        return new Command("net", "Look at networks.") { show, NetDiffCommand.Create() };
    }

    private int Run(ParseResult parsed)
    {
        var session = Session.Open(parsed);
        var (name, network) = Open(parsed.GetValue(_network)!, parsed.GetValue(_input));
        var rows = new List<Row>();
        foreach (var layer in network.Children) Collect(layer, 0, rows);
        session.Emit(json => WriteJson(json, name, network, rows), text => Write(text, name, network, rows));
        return (int)ExitCode.Ok;
    }

    private static (string Name, Layer Network) Open(string text, Shape? input)
    {
        if (Recipes.Names.Contains(text) && !Path.Exists(text)) return Bind(Recipes.Read(text), text, input ?? RecipeInput);
        if (Directory.Exists(text))
        {
            var file = Path.Combine(text, "config.json");
            text = File.Exists(file) ? file : RunFolder.FindModel(text);
        }
        if (Path.GetExtension(text).Equals(".json", StringComparison.OrdinalIgnoreCase)) return Bind(TrainingConfiguration.Read(text), text, input);
        using var device = new CpuDevice(1);
        using var model = Model.Load(text, device);
        if (input is { } given && given != model.SampleShape) throw new UsageException($"--input: expected {model.SampleShape}, which is what the model takes, got {given}.");
        return (model.Configuration.Name, model.Network);
    }

    private static (string Name, Layer Network) Bind(TrainingConfiguration configuration, string text, Shape? input)
    {
        var network = configuration.CreateNetwork();
        network.Bind(input ?? configuration.Input ?? Datasets.Catalog.FirstOrDefault(source => source.Name == configuration.Data)?.SampleShape
            ?? throw new UsageException($"--input: expected the shape of a sample, as --input 1,28,28, for {Message.OneLine(text, 200)} does not say it; got none."));
        return (configuration.Name, network);
    }

    private static void Collect(Layer layer, int depth, List<Row> rows)
    {
        var activation = (layer as ActivatedLayer)?.Activation;
        var rest = layer.Children.Where(child => child != activation).ToList();
        rows.Add(new Row(layer, depth, activation?.Type, layer.Parameters.Where(p => p.Kind != ParameterKind.Statistic).Sum(p => p.Shape.Count), layer.Flops - rest.Sum(child => child.Flops)));
        foreach (var child in rest) Collect(child, depth + 1, rows);
    }

    private static void WriteJson(Utf8JsonWriter json, string name, Layer network, List<Row> rows)
    {
        json.WriteStartObject();
        json.WriteString("name", name);
        WriteShape(json, "input", network.InputShape);
        WriteShape(json, "output", network.OutputShape);
        json.WriteNumber("parameters", rows.Sum(row => (long)row.Parameters));
        json.WriteNumber("flops_per_image", network.Flops);
        json.WriteStartArray("layers");
        foreach (var row in rows)
        {
            json.WriteStartObject();
            json.WriteString("path", row.Layer.Path);
            json.WriteNumber("depth", row.Depth);
            json.WriteString("type", row.Layer.Type);
            if (row.Activation is not null) json.WriteString("activation", row.Activation);
            WriteShape(json, "output", row.Layer.OutputShape);
            json.WriteNumber("parameters", row.Parameters);
            json.WriteNumber("flops_per_image", row.Flops);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteShape(Utf8JsonWriter json, string key, Shape shape)
    {
        json.WriteStartArray(key);
        foreach (var extent in shape.ToArray()) json.WriteNumberValue(extent);
        json.WriteEndArray();
    }

    private static void Write(TextWriter text, string name, Layer network, List<Row> rows)
    {
        text.WriteLine($"{Message.OneLine(name, 80)}, samples {network.InputShape}");
        var table = new TextTable("layer", "type", ">output", ">parameters", ">FLOPs/image");
        foreach (var row in rows)
            table.Add(new string(' ', 2 * row.Depth) + row.Layer.Path, row.Activation is null ? row.Layer.Type : $"{row.Layer.Type} + {row.Activation}",
                $"{row.Layer.OutputShape}", Number(row.Parameters), Number(row.Flops));
        table.Add();
        table.Add("total", "", $"{network.OutputShape}", Number(rows.Sum(row => (long)row.Parameters)), Number(network.Flops));
        table.Write(text);
    }

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
