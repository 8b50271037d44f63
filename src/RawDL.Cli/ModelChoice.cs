using System.CommandLine;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary>The argument that names a trained model.</summary>
internal sealed class ModelChoice
{
    private readonly Argument<string?> _path = Values.PathArgument("model", "A model.safetensors, a checkpoint, or the folder of a run.", ArgumentArity.ExactlyOne);

    public void AddTo(Command command) => command.Add(_path);

    /// <summary>Opens the model; the caller disposes it.</summary>
    /// <exception cref="RawFileException">There is none, or it is damaged.</exception>
    public Model Open(ParseResult parsed, Session session, Device device)
    {
        using var local = SparkFiles.LocalModel(parsed.GetValue(_path)!);
        var path = local.Path;
        if (Directory.Exists(path)) session.Say($"Model: {path = RunFolder.FindModel(path)}");
        return Model.Load(path, device);
    }
}
