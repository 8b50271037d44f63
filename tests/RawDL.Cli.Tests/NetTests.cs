using System.Text.Json;

namespace RawDL.Cli.Tests;

/// <summary><c>rawdl net show</c>: the table adds up, and the shape of a sample is found or asked for.</summary>
public sealed class NetTests
{
    [Test]
    public void Lenet_has_431080_parameters()
    {
        var net = Rawdl.Call("net", "show", "lenet", "--json").Json();
        Assert.That(net.GetProperty("parameters").GetInt64(), Is.EqualTo(520 + 25_050 + 400_500 + 5_010));
        var first = net.GetProperty("layers")[0];
        // 24 x 24 pixels of 20 channels: 25 multiply-adds, the bias, the activation.
        Assert.That(first.GetProperty("flops_per_image").GetInt64(), Is.EqualTo(24 * 24 * 20 * (2 * 25 + 1 + 1)));
        Assert.That(first.GetProperty("activation").GetString(), Is.EqualTo("relu"));
        Assert.That(net.GetProperty("layers").GetArrayLength(), Is.EqualTo(7));
    }

    [TestCase("lenet", "")]
    [TestCase("linear", "")]
    [TestCase("mlp", "--input 5")]
    [TestCase("resnet", "--input 3,32,32")]
    [TestCase("sprint", "")]
    public void Rows_add_up_to_the_total(string recipe, string input)
    {
        var net = Rawdl.Call(["net", "show", recipe, .. input.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--json"]).Json();
        foreach (var name in (string[])["parameters", "flops_per_image"])
            Assert.That(net.GetProperty("layers").EnumerateArray().Sum(l => l.GetProperty(name).GetInt64()), Is.EqualTo(net.GetProperty(name).GetInt64()), name);
    }

    [Test]
    public void Layers_inside_are_indented_and_activations_share_a_row()
    {
        var lines = Rawdl.Call("net", "show", "resnet", "--input", "3,32,32").Out.Split('\n');
        Assert.That(lines, Has.Some.StartsWith("residual1 ").And.Some.StartsWith("  residual1.conv2d1 ").And.Some.StartsWith("total"));
        Assert.That(lines, Has.Some.Contains("batch_norm + relu").And.Some.Contains("residual + relu").And.None.Contains("activation"));
    }

    [Test]
    public void A_run_a_model_and_a_configuration_show_the_same()
    {
        var run = Rawdl.Call("net", "show", TrainedRun.Folder).Out;
        Assert.That(run, Does.Contain("samples [1, 28, 28]").And.Contain("431,080"));
        Assert.That(Rawdl.Call("net", "show", TrainedRun.Model).Out, Is.EqualTo(run));
        Assert.That(Rawdl.Call("net", "show", Path.Combine(TrainedRun.Folder, "config.json")).Out, Is.EqualTo(run));
    }

    [TestCase("cifar10", "[3, 32, 32]")]
    [TestCase(null, null)]
    public void The_shape_comes_from_the_named_data_or_is_asked_for(string? data, string? shape)
    {
        var path = TrainedRun.Fresh("net.json");
        File.WriteAllText(path, $$"""{ {{(data is null ? "" : $"\"data\": {JsonSerializer.Serialize(data)}, ")}}"layers": [{ "type": "linear", "out_channels": 10 }] }""");
        var run = Rawdl.Call("net", "show", path);
        if (shape is not null) Assert.That(run.Out, Does.Contain($"samples {shape}"));
        else Assert.That((run.Code, run.Error), Is.EqualTo((ExitCode.Usage, $"rawdl: --input: expected the shape of a sample, as --input 1,28,28, for {path} does not say it; got none.\n")));
    }

    [TestCase("--sync average --period 1")]
    [TestCase("--sync gradients")]
    [TestCase("--sync gradients --deterministic --accumulate 2")]
    public void Four_ranks_and_one_process_end_within_a_hair(string strategy)
    {
        var (one, four) = (TrainedRun.Fresh("one"), TrainedRun.Fresh("four"));
        string[] common = ["train", "--train-size", "320", "--test-size", "50", "--epochs", "1", "--optimizer", "sgd", "--lr", "0.05", "--seed", "1", "--quiet"];
        Assert.That(Rawdl.Call([.. common, "--batch", "32", "--out", one]).Code, Is.EqualTo(ExitCode.Ok));
        Assert.That(Rawdl.Call([.. common, "--batch", strategy.EndsWith('2') ? "4" : "8", "--workers", "4", .. strategy.Split(' '), "--out", four]).Code, Is.EqualTo(ExitCode.Ok));
        var run = Rawdl.Call("net", "diff", one, four, "--within", "1e-5", "--json");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Ok), run.Out);
        Assert.That(run.Json().GetProperty("max_difference").GetDouble(), Is.GreaterThan(0).And.LessThan(1e-5));
        Assert.That(Rawdl.Call("net", "diff", one, four).Out, Does.Contain("conv2d1.weight").And.Contain("max |difference| "));
        Assert.That(Rawdl.Call("net", "diff", one, TrainedRun.Folder, "--within", "1e-5").Code, Is.EqualTo(ExitCode.Replica));
        Assert.That(Rawdl.Call("net", "diff", one, one).Out, Does.EndWith("max |difference| 0\n"));
    }

    [Test]
    public void Models_of_different_networks_have_no_difference()
    {
        var linear = TrainedRun.Fresh("linear");
        Rawdl.Call("train", "--model", "linear", "--train-size", "50", "--test-size", "20", "--steps", "1", "--out", linear, "--quiet");
        var run = Rawdl.Call("net", "diff", TrainedRun.Folder, linear);
        Assert.That((run.Code, run.Error), Is.EqualTo((ExitCode.Usage, "rawdl: net diff: expected two models of the same network, got lenet with 431080 values and linear with 7850, named or shaped otherwise.\n")));
    }
}
