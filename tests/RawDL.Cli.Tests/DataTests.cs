using RawDL.NN;

namespace RawDL.Cli.Tests;

/// <summary><c>rawdl data</c>: what there is, where it lies, what it looks like.</summary>
[NonParallelizable]
public sealed class DataTests
{
    private string? _data, _cache;

    [SetUp]
    public void Hide()
    {
        (_data, _cache) = (Environment.GetEnvironmentVariable("RAWDL_DATA"), Environment.GetEnvironmentVariable("XDG_CACHE_HOME"));
        Environment.SetEnvironmentVariable("RAWDL_DATA", null);
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", TrainedRun.Fresh("cache"));
    }

    [TearDown]
    public void Restore()
    {
        Environment.SetEnvironmentVariable("RAWDL_DATA", _data);
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
    }

    [Test]
    public void What_is_missing_says_how_it_comes()
    {
        var text = Rawdl.Call("data", "list").Out;
        Assert.That(text, Does.Contain("drawn by the program").And.Contain("not here: rawdl data fetch mnist").And.Contain("not here: rawdl data fetch cifar10"));
        var sets = Rawdl.Call("data", "list", "--json").Json().GetProperty("sets").EnumerateArray().ToList();
        Assert.That(sets.Select(s => s.GetProperty("name").GetString()), Is.EqualTo(Datasets.Catalog.Select(s => s.Name)));
        Assert.That(sets.Select(s => s.GetProperty("ready").GetBoolean()), Is.EqualTo(Datasets.Catalog.Select(s => s.Name == "digits")));
    }

    [Test]
    public void What_is_found_is_neither_fetched_nor_missed()
    {
        var root = TrainedRun.Fresh("data");
        var folder = WriteIdx(Path.Combine(root, "mnist"));
        Assert.That(Rawdl.Call("data", "list", "--data-dir", root).Out, Does.Contain(folder));
        Assert.That(Rawdl.Call("data", "fetch", "mnist", "--data-dir", root, "--json").Json().GetProperty("folder").GetString(), Is.EqualTo(folder));
        Assert.That(Rawdl.Call("doctor", "--data-dir", root).Out, Does.Match($"OK +data mnist +{folder}"));
    }

    [TestCase("train")]
    [TestCase("test")]
    public void Preview_draws_a_sheet(string split)
    {
        var path = TrainedRun.Fresh("sheet.png");
        var run = Rawdl.Call("data", "preview", "--rows", "2", "--columns", "5", "--split", split, "--out", path);
        Assert.That((run.Code, run.Out), Is.EqualTo((ExitCode.Ok, run.Out)), run.Error);
        Assert.That(run.Out, Does.Contain($"digits/{split}"));
        ImageFile.Read(path, out var width, out var height, 1);
        Assert.That(width, Is.GreaterThan(2 * height));
    }

    [Test]
    public void Preview_takes_a_path()
    {
        var path = TrainedRun.Fresh("sheet.png");
        Assert.That(Rawdl.Call("data", "preview", WriteIdx(TrainedRun.Fresh("own")), "--out", path, "--json").Json().GetProperty("count").GetInt32(), Is.EqualTo(2));
        Assert.That(File.Exists(path));
    }

    internal static string WriteIdx(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var part in (string[])["train", "t10k"])
        {
            File.WriteAllBytes(Path.Combine(folder, $"{part}-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28, .. new byte[2 * 784]]);
            File.WriteAllBytes(Path.Combine(folder, $"{part}-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 2, 3, 7]);
        }
        return folder;
    }
}
