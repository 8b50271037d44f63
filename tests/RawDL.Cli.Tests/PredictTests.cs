using System.Buffers.Binary;
using RawDL.NN;

namespace RawDL.Cli.Tests;

/// <summary><c>rawdl predict</c> reads every kind of file alike and gives probabilities.</summary>
public sealed class PredictTests
{
    private const int Samples = 3;
    private static readonly Dataset Digits = Datasets.Open("digits", new DataOptions { TrainSize = 1, TestSize = Samples }).Test;

    [Test]
    public void Png_npy_and_idx_of_one_sample_get_the_same_answer()
    {
        var bytes = Bytes();
        string png = TrainedRun.Fresh("digit.png"), npy = TrainedRun.Fresh("digits.npy"), idx = TrainedRun.Fresh("digits-idx3-ubyte");
        using (var stream = File.Create(png)) ImageFile.WritePng(stream, bytes.AsSpan(0, 784), 28, 28, 1);
        NpyFile.Write(npy, NpyArray.Create([Samples, 28, 28], bytes));
        File.WriteAllBytes(idx, [0, 0, 8, 3, .. BigEndian(Samples), .. BigEndian(28), .. BigEndian(28), .. bytes]);
        var answers = Rawdl.Call("predict", TrainedRun.Folder, png, npy, idx, "--top", "10", "--json").Json().EnumerateArray().ToList();
        Assert.That(answers.Select(a => (a.GetProperty("file").GetString(), a.GetProperty("index").GetInt32())), Is.EqualTo(
            new[] { (png, 0), (npy, 0), (npy, 1), (npy, 2), (idx, 0), (idx, 1), (idx, 2) }));
        var top = answers.Select(a => a.GetProperty("top").EnumerateArray().Select(t => (t.GetProperty("class").GetInt32(), t.GetProperty("name").GetString(), t.GetProperty("probability").GetDouble())).ToArray()).ToList();
        Assert.Multiple(() =>
        {
            foreach (var classes in top)
            {
                Assert.That(classes.Sum(c => c.Item3), Is.EqualTo(1).Within(1e-5));
                Assert.That(classes.Select(c => c.Item3), Is.Ordered.Descending);
                Assert.That(classes.Select(c => c.Item2), Is.EqualTo(classes.Select(c => $"{c.Item1}")));
            }
            Assert.That(top[1], Is.EqualTo(top[0]));
            Assert.That(top.Skip(4), Is.EqualTo(top.Skip(1).Take(3)));
        });
    }

    [Test]
    public void Limit_and_top_cut_the_table()
    {
        var npy = TrainedRun.Fresh("digits.npy");
        NpyFile.Write(npy, NpyArray.Create([Samples, 28, 28], Bytes()));
        var lines = Rawdl.Call("predict", TrainedRun.Model, npy, "--limit", "2", "--top", "1", "--quiet").Out.TrimEnd().Split('\n');
        Assert.That(lines, Has.Length.EqualTo(4));
        Assert.That(lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries), Is.EqualTo(new[] { "file", "sample", "class", "probability" }));
        Assert.That(lines[3].Split(' ', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(4));
    }

    [Test]
    public void A_picture_of_another_size_is_resized_and_said()
    {
        var png = TrainedRun.Fresh("large.png");
        using (var stream = File.Create(png)) ImageFile.WritePng(stream, new byte[3 * 40 * 50], 50, 40, 3);
        var run = Rawdl.Call("predict", TrainedRun.Folder, png);
        Assert.That((run.Code, run.Error), Is.EqualTo((ExitCode.Ok, run.Error)));
        Assert.That(run.Error, Does.Contain("fitted to [1, 28, 28]"));
    }

    [Test]
    public void A_regression_gives_its_outputs()
    {
        string csv = TrainedRun.Fresh("line.csv"), folder = TrainedRun.Fresh("run"), npy = TrainedRun.Fresh("x.npy");
        File.WriteAllLines(csv, ["x,y", .. Enumerable.Range(0, 40).Select(i => FormattableString.Invariant($"{i / 10.0},{i / 5.0 + 1:F2}"))]);
        var train = Rawdl.Call("train", "--data", csv, "--model", "linear", "--epochs", "200", "--batch", "0", "--optimizer", "adam", "--lr", "0.1", "--out", folder, "--json");
        Assert.That(train.Json().GetProperty("loss").GetDouble(), Is.LessThan(0.01));
        NpyFile.Write(npy, NpyArray.Create([2, 1], (float[])[1.5f, 3f]));
        var answers = Rawdl.Call("predict", folder, npy, "--json").Json();
        Assert.That(answers.EnumerateArray().Select(a => a.GetProperty("outputs")[0].GetDouble()), Is.EqualTo(new[] { 4.0, 7.0 }).Within(0.3));
        Assert.That(Rawdl.Call("predict", folder, npy).Out, Does.Contain("output 1"));
        var plots = Rawdl.Call("eval", folder, "--plots", TrainedRun.Fresh("p"));
        Assert.That((plots.Code, plots.Error), Is.EqualTo((ExitCode.Usage, plots.Error)));
        Assert.That(plots.Error, Does.Contain("--plots: expected a model of classes"));
    }

    private static byte[] Bytes()
    {
        var bytes = new byte[Samples * 784];
        var sample = new float[784];
        for (var i = 0; i < Samples; i++)
        {
            Digits.Read(i, sample);
            for (var j = 0; j < 784; j++) bytes[i * 784 + j] = (byte)MathF.Round(sample[j] * 255);
        }
        return bytes;
    }

    private static byte[] BigEndian(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
