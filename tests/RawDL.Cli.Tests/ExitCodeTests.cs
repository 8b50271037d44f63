namespace RawDL.Cli.Tests;

/// <summary>One code and one line for every way in which a command fails, and nothing left behind.</summary>
public sealed class ExitCodeTests
{
    // OUT stands for a path that must not come into being, RUN for a folder of a run, MODEL for its model.
    [TestCase("train --epohs 3 --out OUT", "--epochs")]
    [TestCase("train --epochs 2 --steps 3 --out OUT", "--epochs: expected either --epochs or --steps, got both.")]
    [TestCase("train --resume RUN --lr 1 --json-file OUT", "--resume: expected no --lr beside it")]
    [TestCase("train --resume OUT", "expected the folder of a run")]
    [TestCase("train --data digits --model resnet2 --out OUT", "--model: expected one of lenet")]
    [TestCase("train --out RUN --train-size 10 --test-size 10", "expected a new folder, got one with a run")]
    [TestCase("eval --json-file OUT", "Required argument 'model' missing")]
    [TestCase("eval RUN --data nothing --json-file OUT", "expected digits, mnist")]
    [TestCase("eval RUN --test-size 0 --plots OUT", "--test-size: expected an integer from 1")]
    [TestCase("predict RUN --json-file OUT", "file: expected at least one file, got none")]
    [TestCase("predict RUN x.png --top 0 --json-file OUT", "--top: expected an integer from 1 to 1000")]
    [TestCase("predict RUN x.png --limit x --json-file OUT", "--limit: expected an integer from 1")]
    [TestCase("net show --json-file OUT", "Required argument 'network' missing")]
    [TestCase("net show lenet --input 1,28 --json-file OUT", "conv2d1 (conv2d): expected samples [C, H, W], got [1, 28].")]
    [TestCase("net show MODEL --input 1,32,32 --json-file OUT", "--input: expected [1, 28, 28]")]
    [TestCase("net show lenet --input 1,2,3,4 --json-file OUT", "--input: expected 1 to 3 extents")]
    [TestCase("data fetch digits --json-file OUT", "expected one of mnist, fashion-mnist, cifar10")]
    [TestCase("data preview digits", "--out")]
    [TestCase("data preview digits --rows 1000 --columns 1000 --out OUT", "SampleSheet: expected a sheet")]
    [TestCase("data preview digits --split all --out OUT", "--split: expected one of train, test")]
    [TestCase("bench --seconds 0 --json-file OUT", "--seconds: expected a number above 0")]
    [TestCase("bench --batch 0 --json-file OUT", "--batch: expected an integer from 1")]
    [TestCase("bench fast --json-file OUT", "fast")]
    [TestCase("selftest all --json-file OUT", "all")]
    [TestCase("selftest --threads 0 --json-file OUT", "--threads: expected an integer from 1")]
    [TestCase("selftest --device gpu --json-file OUT", "--device: expected cpu, cuda")]
    [TestCase("doctor now --json-file OUT", "now")]
    [TestCase("devices cpu --json-file OUT", "cpu")]
    [TestCase("version 2 --json-file OUT", "2")]
    [TestCase("train --workers 0 --out OUT", "--workers: expected an integer from 1 to 1024, got '0'.")]
    [TestCase("train --train-size 20 --test-size 10 --trace RUN --out OUT", "--trace: expected a file, got the folder")]
    [TestCase("train --sync mean --out OUT", "--sync: expected one of average, gradients, downpour, got 'mean'.")]
    [TestCase("train --period 5x --out OUT", "--period: expected steps as 5, a schedule as 1x200,5x1000,20 or adaptive:0.01:64, got '5x'.")]
    [TestCase("train --outer sgd --out OUT", "--outer: expected one of mean, block_momentum")]
    [TestCase("train --outer-lr 0.5 --out OUT", "outer 'mean': expected no options, got 'learning_rate'")]
    [TestCase("train --wire float16 --out OUT", "--wire: expected --sync gradients beside it, got average.")]
    [TestCase("train --sync gradients --period 5 --out OUT", "--period: expected --sync average beside it, got gradients.")]
    [TestCase("train --sync gradients --wire float16 --compression one_bit --out OUT", "expected wire float32 beside a compression")]
    [TestCase("train --resume RUN --period 3 --json-file OUT", "--resume: expected no --period beside it")]
    [TestCase("train --resume RUN --deterministic --json-file OUT", "--resume: expected no --deterministic beside it")]
    [TestCase("plan --json-file OUT", "expected a link to measure (mpiexec or --workers) or --bandwidth with --ranks, got one rank.")]
    [TestCase("plan --ranks 4 --json-file OUT", "--ranks: expected --bandwidth beside it, got none.")]
    [TestCase("plan --bandwidth 4 --json-file OUT", "--bandwidth: expected --ranks beside it, got none.")]
    public void Wrong_use_exits_with_2(string line, string expected) => Check(line, ExitCode.Usage, expected);

    [TestCase("{ \"layers\": [{ \"type\": \"linear\", \"out_channels\": 10, \"bais\": true }] }", "bais")]
    [TestCase("{ \"layers\": [{ \"type\": \"linear\", \"out_channels\": 11 }] }", "linear1 (linear): expected an output [10] for 10 classes, got [11].")]
    [TestCase("{ \"layers\": [{ \"type\": \"conv2d\", \"out_channels\": 4, \"kernel\": 30 }] }", "conv2d1 (conv2d)")]
    [TestCase("{ \"layers\": [", "expected JSON")]
    [TestCase("{ \"layers\": [], \"epochs\": 0 }", "epochs")]
    public void A_wrong_configuration_exits_with_2(string json, string expected)
    {
        var path = TrainedRun.Fresh("net.json");
        File.WriteAllText(path, json);
        Check($"train --train-size 20 --test-size 10 --config {path} --out OUT", ExitCode.Usage, expected);
    }

    [TestCase("eval NOTHING --json-file OUT", "expected a file, got nothing at this path")]
    [TestCase("eval DAMAGED --json-file OUT", "damaged.safetensors: expected")]
    [TestCase("eval CUT --json-file OUT", "cut.safetensors: expected")]
    [TestCase("predict RUN NOTHING --json-file OUT", "expected a file, got nothing at this path")]
    [TestCase("predict RUN DAMAGED --json-file OUT", "damaged.safetensors: expected")]
    [TestCase("net show NOTHING --json-file OUT", "expected a file, got nothing at this path")]
    [TestCase("train --data NOTHING.csv --out OUT", "nothing.csv")]
    [TestCase("train --config NOTHING --out OUT", "expected a file, got nothing at this path")]
    public void Bad_and_missing_files_exit_with_3(string line, string expected) => Check(line, ExitCode.Data, expected);

    [TestCase("train --device cuda:99 --out OUT")]
    [TestCase("eval RUN --device cuda:99 --json-file OUT")]
    [TestCase("predict RUN x.png --device cuda:99 --json-file OUT")]
    [TestCase("bench --device cuda:99 --json-file OUT")]
    public void A_device_that_is_not_there_exits_with_4(string line) => Check(line, ExitCode.Device, "--device cuda");

    [Test]
    public void Divergence_exits_with_5_and_names_step_and_layer()
    {
        var run = Rawdl.Call("train", "--train-size", "200", "--test-size", "20", "--optimizer", "sgd", "--lr", "1e6", "--out", TrainedRun.Fresh("run"), "--quiet");
        Assert.That((run.Code, run.Out), Is.EqualTo((ExitCode.Diverged, "")), run.Error);
        Assert.That(run.Error, Does.Match(@"^rawdl: training diverged: expected finite values, but in step \d+ .*(conv2d|linear)\d.* not finite; .*\n$"));
    }

    [TestCase("train --train-size 20 --test-size 10 --out /proc/nowhere/run")]
    [TestCase("train --train-size 20 --test-size 10 --trace /proc/nowhere/trace.json --out OUT")]
    [TestCase("eval RUN --plots /proc/nowhere/plots")]
    [TestCase("version --json-file /proc/nowhere/version.json")]
    [TestCase("data preview --out /proc/nowhere/sheet.png")]
    public void What_cannot_be_written_exits_with_74(string line) => Check(line, ExitCode.InputOutput, "/proc/nowhere");

    private static void Check(string line, ExitCode code, string expected)
    {
        var output = TrainedRun.Fresh("out");
        string damaged = TrainedRun.Fresh("damaged.safetensors"), cut = TrainedRun.Fresh("cut.safetensors");
        var bytes = File.ReadAllBytes(TrainedRun.Model);
        File.WriteAllBytes(cut, bytes[..^100]);
        bytes[^50] ^= 4;
        File.WriteAllBytes(damaged, bytes);
        var words = new Dictionary<string, string>
        {
            ["OUT"] = output,
            ["RUN"] = TrainedRun.Folder,
            ["MODEL"] = TrainedRun.Model,
            ["DAMAGED"] = damaged,
            ["CUT"] = cut,
            ["NOTHING"] = TrainedRun.Fresh("nothing"),
            ["NOTHING.csv"] = TrainedRun.Fresh("nothing.csv"),
        };
        var run = Rawdl.Call(line.Split(' ').Select(word => words.GetValueOrDefault(word, word)).ToArray());
        Assert.Multiple(() =>
        {
            Assert.That(run.Code, Is.EqualTo(code), run.Error);
            Assert.That(run.Error, Does.Contain(expected));
            Assert.That(run.Out, Is.Empty);
            Assert.That(Path.Exists(output), Is.False, "something was written");
        });
        // The parser's complaints add a guess and a pointer to the help; messages of progress may stand before others.
        Assert.That(run.Error.TrimEnd().Split('\n').Count(text => text.StartsWith("rawdl: ") || !text.Contains(": ")), Is.LessThanOrEqualTo(3));
    }
}
