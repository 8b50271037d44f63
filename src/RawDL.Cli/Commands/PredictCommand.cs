using System.CommandLine;
using System.Text.Json;
using RawDL.NN;
using static System.FormattableString;

namespace RawDL.Cli;

/// <summary><c>rawdl predict</c>: what a trained model says of the samples in files.</summary>
internal sealed class PredictCommand
{
    // Samples that are asked about at a time: a file may hold many thousands.
    private const int Portion = 250;

    private readonly ModelChoice _model = new();
    private readonly DeviceChoice _device = new();
    private readonly SparkPrediction _cluster = new();
    private readonly Argument<string[]> _files = Values.Paths("file", "Images (PNG, JPEG), NumPy arrays (.npy) or IDX files, also with gzip.");
    private readonly Option<int?> _top = Values.Integer("--top", "Classes shown per sample, the likeliest first; 3 by default.", 1, 1000);
    private readonly Option<int?> _limit = Values.Integer("--limit", "Samples taken from the beginning of each file; all by default.", 1, int.MaxValue);

    /// <summary>One sample: its place, and what the model says of it.</summary>
    private sealed record Answer(string File, int Index, float[] Values);

    public static Command Create()
    {
        var predict = new PredictCommand();
        var command = new ExampleCommand("predict", "Classify the samples of files: the likeliest classes with their probabilities.",
            "rawdl predict runs/lenet seven.png", "rawdl predict runs/lenet t10k-images-idx3-ubyte.gz --limit 10 --top 1", "rawdl predict model.safetensors *.jpg --json",
            "spark-submit … job.py predict runs/lenet --table images --to hdfs://host/predictions", "spark-submit … job.py predict runs/lenet --stream in --schema \"id long, pixels binary\" --to out --checkpoint state");
        predict._model.AddTo(command);
        // Under Spark rows may come from elsewhere.
        predict._files.Arity = ArgumentArity.ZeroOrMore;
        command.Add(predict._files);
        command.Add(predict._top);
        command.Add(predict._limit);
        predict._cluster.AddTo(command);
        predict._device.AddTo(command);
        command.SetAction(predict.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        Signals.Watched = true;
        if (parsed.GetValue(_files) is null or [] && !_cluster.IsGiven(parsed)) throw new UsageException("file: expected at least one file, got none.");
        var session = Session.Open(parsed);
        using var device = _device.Open(parsed, session);
        using var model = _model.Open(parsed, session, device);
        if (_cluster.IsGiven(parsed)) return _cluster.Run(parsed, session, model);
        var answers = new List<Answer>();
        using var predictor = new Predictor(model);
        foreach (var file in parsed.GetValue(_files)!) Ask(model, predictor, session, file, parsed.GetValue(_limit) ?? int.MaxValue, answers);
        var top = Math.Min(parsed.GetValue(_top) ?? 3, model.ClassNames.Count);
        session.Emit(json => WriteJson(json, answers, model.ClassNames, top), text => Write(text, answers, model.ClassNames, top));
        return (int)ExitCode.Ok;
    }

    private static void Ask(Model model, Predictor predictor, Session session, string file, int limit, List<Answer> answers)
    {
        var samples = SampleFile.Read(file, model.SampleShape, model.ClassNames, session.Say);
        var size = model.SampleShape.Count;
        var count = Math.Min(limit, samples.Count);
        for (var first = 0; first < count; first += Portion)
        {
            Signals.Stop.ThrowIfCancellationRequested();
            var values = new float[Math.Min(Portion, count - first) * size];
            for (var i = 0; i < values.Length / size; i++) samples.Read(first + i, values.AsSpan(i * size, size));
            var results = predictor.Predict(values);
            var width = model.PredictionWidth;
            for (var i = 0; i < values.Length / size; i++) answers.Add(new Answer(file, first + i, results[(i * width)..((i + 1) * width)]));
        }
    }

    // The likeliest first; of equals, the first.
    private static int[] Ranked(float[] probabilities, int top)
    {
        var order = Enumerable.Range(0, probabilities.Length).ToArray();
        Array.Sort(order, (a, b) => probabilities[b].CompareTo(probabilities[a]) is var sign and not 0 ? sign : a - b);
        return order[..top];
    }

    private static void WriteJson(Utf8JsonWriter json, List<Answer> answers, IReadOnlyList<string> names, int top)
    {
        json.WriteStartArray();
        foreach (var answer in answers)
        {
            json.WriteStartObject();
            json.WriteString("file", answer.File);
            json.WriteNumber("index", answer.Index);
            json.WriteStartArray(names.Count > 0 ? "top" : "outputs");
            if (names.Count == 0)
                foreach (var value in answer.Values) WriteNumber(json, value);
            else
                foreach (var label in Ranked(answer.Values, top))
                {
                    json.WriteStartObject();
                    json.WriteNumber("class", label);
                    json.WriteString("name", names[label]);
                    json.WritePropertyName("probability");
                    WriteNumber(json, answer.Values[label]);
                    json.WriteEndObject();
                }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    // JSON has no NaN, which a model with damaged values may give.
    private static void WriteNumber(Utf8JsonWriter json, float value)
    {
        if (float.IsFinite(value)) json.WriteNumberValue(value);
        else json.WriteNullValue();
    }

    private static void Write(TextWriter text, List<Answer> answers, IReadOnlyList<string> names, int top)
    {
        var headings = new List<string> { "file", ">sample" };
        if (names.Count == 0)
            for (var i = 1; i <= answers[0].Values.Length; i++) headings.Add($">output {i}");
        else
            for (var i = 1; i <= top; i++) headings.AddRange([i == 1 ? "class" : $"{i}.", ">probability"]);
        var table = new TextTable([.. headings]);
        foreach (var answer in answers)
        {
            List<string> cells = [Message.OneLine(answer.File, 80), Invariant($"{answer.Index}")];
            if (names.Count == 0)
                foreach (var value in answer.Values) cells.Add(Invariant($"{value:G7}"));
            else
                foreach (var label in Ranked(answer.Values, top)) cells.AddRange([Message.OneLine(names[label], 40), Invariant($"{answer.Values[label]:F4}")]);
            table.Add([.. cells]);
        }
        table.Write(text);
    }
}
