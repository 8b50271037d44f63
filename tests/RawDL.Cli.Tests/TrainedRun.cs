namespace RawDL.Cli.Tests;

/// <summary>One short training that many tests look at; made when the first one asks.</summary>
[SetUpFixture]
public sealed class TrainedRun
{
    private static readonly string Root = Directory.CreateTempSubdirectory("rawdl-run-").FullName;

    private static readonly Lazy<string> Trained = new(() =>
    {
        var folder = Path.Combine(Root, "run");
        var run = Rawdl.Call("train", "--train-size", "200", "--test-size", "50", "--steps", "12", "--batch", "32", "--seed", "1", "--out", folder, "--quiet");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Ok), run.Error);
        return folder;
    });

    /// <summary>The folder of the run.</summary>
    public static string Folder => Trained.Value;

    /// <summary>Its model.</summary>
    public static string Model => Path.Combine(Folder, "model.safetensors");

    /// <summary>A path where nothing is yet, in a folder that goes away after the tests.</summary>
    public static string Fresh(string name) => Path.Combine(Directory.CreateDirectory(Path.Combine(Root, Guid.NewGuid().ToString("N"))).FullName, name);

    [OneTimeTearDown]
    public void Delete() => Directory.Delete(Root, recursive: true);
}
