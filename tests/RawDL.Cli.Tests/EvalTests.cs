using System.Text.Json;

namespace RawDL.Cli.Tests;

/// <summary><c>rawdl eval</c> finds the model of a run, opens the data it was trained on and repeats its scores.</summary>
public sealed class EvalTests
{
    [Test]
    public void A_run_folder_gives_the_scores_of_its_summary()
    {
        var scores = Rawdl.Call("eval", TrainedRun.Folder, "--json").Json();
        using var summary = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(TrainedRun.Folder, "summary.json")));
        Assert.That(scores.GetProperty("count").GetInt32(), Is.EqualTo(50));
        foreach (var name in (string[])["accuracy", "loss"])
            Assert.That(scores.GetProperty(name).GetDouble(), Is.EqualTo(summary.RootElement.GetProperty(name).GetDouble()), name);
    }

    [Test]
    public void Text_shows_confusions_and_scores()
    {
        var run = Rawdl.Call("eval", TrainedRun.Model, "--threads", "1");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Ok), run.Error);
        Assert.That(run.Out, Does.Contain("Examples labeled as ").And.Contain("Scores").And.Contain("Examples:        50"));
    }

    [Test]
    public void Options_win_over_what_the_model_remembers() =>
        Assert.That(Rawdl.Call("eval", TrainedRun.Folder, "--test-size", "70", "--json").Json().GetProperty("count").GetInt32(), Is.EqualTo(70));

    [Test]
    public void Without_a_final_model_the_best_one_or_the_newest_checkpoint_is_taken()
    {
        var folder = TrainedRun.Fresh("copy");
        Directory.CreateDirectory(Path.Combine(folder, "checkpoints"));
        foreach (var file in Directory.EnumerateFiles(Path.Combine(TrainedRun.Folder, "checkpoints"))) File.Copy(file, Path.Combine(folder, "checkpoints", Path.GetFileName(file)));
        Assert.That(Rawdl.Call("eval", folder).Error, Does.Contain("best.safetensors"));
        File.Delete(Path.Combine(folder, "checkpoints", "best.safetensors"));
        Assert.That(Rawdl.Call("eval", folder).Error, Does.Contain("step-0000000012.safetensors"));
        Directory.Delete(Path.Combine(folder, "checkpoints"), recursive: true);
        var run = Rawdl.Call("eval", folder);
        Assert.That((run.Code, run.Error), Is.EqualTo((ExitCode.Data, $"rawdl: {folder}: expected a model.safetensors or a checkpoint in the folder, got none\n")));
    }

    [Test]
    public void Plots_are_written()
    {
        var folder = TrainedRun.Fresh("pictures");
        Assert.That(Rawdl.Call("eval", TrainedRun.Folder, "--plots", folder).Code, Is.EqualTo(ExitCode.Ok));
        Assert.That(Directory.EnumerateFiles(folder).Select(Path.GetFileName), Is.EquivalentTo(new[] { "confusion.png", "confusion.svg" }));
    }
}
