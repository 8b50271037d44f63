using System.Text.Json;

namespace RawDL.Cli.Tests;

/// <summary>What goes where: results to standard output, all else to standard error, no escapes into a pipe.</summary>
[Category("Program")]
public sealed class StreamTests
{
    private static string[] Line(params string[] rest) => ["train", "--train-size", "100", "--test-size", "20", "--steps", "4", "--out", TrainedRun.Fresh("run"), .. rest];

    [Test]
    public void A_pipe_gets_plain_lines()
    {
        var run = Rawdl.Run(Line());
        Assert.That(run.Code, Is.EqualTo(ExitCode.Ok), run.Error);
        Assert.That(run.Out + run.Error, Does.Not.Contain("\x1b").And.Not.Contain("\r"));
        Assert.That(run.Error, Does.Match(@"epoch 1/2  step 2  loss \d").And.Contain("Training 4 steps (2 epochs)"));
        Assert.That(run.Out, Does.Contain("Scores").And.Contain("Parameters:  SHA-256 "));
    }

    [Test]
    public void Quiet_leaves_the_result_alone()
    {
        var run = Rawdl.Run(Line("--quiet"));
        Assert.That((run.Code, run.Error), Is.EqualTo((ExitCode.Ok, "")));
        Assert.That(run.Out, Does.Contain("Scores"));
    }

    [Test]
    public void Json_is_the_summary_on_standard_output_and_in_a_file()
    {
        var file = TrainedRun.Fresh("result.json");
        var line = Line("--json", "--json-file", file);
        var run = Rawdl.Run(line);
        var summary = File.ReadAllText(Path.Combine(line[Array.IndexOf(line, "--out") + 1], "summary.json"));
        Assert.That(run.Json().GetRawText(), Is.EqualTo(JsonDocument.Parse(summary).RootElement.GetRawText()));
        Assert.That(File.ReadAllText(file), Is.EqualTo(run.Out));
    }

    [Test]
    public void A_run_leaves_its_files()
    {
        foreach (var name in (string[])["config.json", "model.safetensors", "metrics.jsonl", "summary.json", "report.txt", "confusion.png", "confusion.svg", "loss.png", "loss.svg", "checkpoints/best.safetensors"])
            Assert.That(new FileInfo(Path.Combine(TrainedRun.Folder, name)), Has.Length.GreaterThan(0), name);
    }
}
