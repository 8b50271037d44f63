using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>The state of a run between two steps: a model file with the optimizer's states as further tensors and the trainer's counters as JSON.</summary>
/// <remarks>The random numbers are counter-based: seed and step are their whole state, and so is the place in the data.</remarks>
internal static class Checkpoint
{
    private const string TrainingKey = "rawdl.training", StatePrefix = "optimizer.";

    /// <summary>Writes a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">Network and values.</param>
    /// <param name="optimizer">Its states are saved.</param>
    /// <param name="state">The counters.</param>
    /// <param name="more">What else has to be remembered, each tensor with a name of its own.</param>
    public static void Save(string path, Model model, Optimizer optimizer, RunState state, IEnumerable<SafetensorsTensor> more)
    {
        var tensors = model.ToTensors();
        tensors.AddRange(more);
        for (var i = 0; i < optimizer.States.Count; i++)
            tensors.Add(SafetensorsTensor.Create(StatePrefix + optimizer.StateNames[i], optimizer.States[i].Shape, optimizer.States[i].ToArray()));
        SafetensorsFile.Write(path, tensors, new Dictionary<string, string>
        {
            [Model.DescriptionKey] = model.Describe(),
            [TrainingKey] = Encoding.UTF8.GetString(JsonBytes.Of(state.Write)),
            ["rawdl.step"] = state.Step.ToString(CultureInfo.InvariantCulture),
        });
    }

    /// <summary>Takes everything from a file into a model and an optimizer of the same configuration.</summary>
    /// <exception cref="RawFileException">The file is damaged, or of another network or optimizer.</exception>
    public static RunState Load(SafetensorsFile file, Model model, Optimizer optimizer)
    {
        var path = file.Path;
        if (!file.Metadata.TryGetValue(TrainingKey, out var text)) throw new RawFileException(path, null, $"expected a checkpoint with '{TrainingKey}', got a file without");
        RunState state;
        try
        {
            using var document = JsonDocument.Parse(text);
            state = RunState.Read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new RawFileException(path, null, $"expected the state of a run in '{TrainingKey}', got: {e.Message}", e);
        }
        model.CopyFrom(file);
        for (var i = 0; i < optimizer.States.Count; i++)
        {
            var values = new float[optimizer.States[i].Count];
            file[StatePrefix + optimizer.StateNames[i]].CopyTo(values);
            optimizer.States[i].CopyFrom(values);
        }
        return state;
    }
}
