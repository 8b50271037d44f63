namespace RawDL.NN.Tests;

/// <summary>Every kind of source, opened from files made here.</summary>
public sealed class DatasetsTests
{
    private static readonly DataOptions s_plain = new() { Download = false, TestFraction = 0.25f, Seed = 7 };

    internal static float[] Sample(Dataset dataset, int index)
    {
        var sample = new float[dataset.SampleShape.Count];
        dataset.Read(index, sample);
        return sample;
    }

    /// <summary>IDX files in the naming of MNIST: image i is filled with i, its label is i modulo 3.</summary>
    internal static void WriteIdx(string folder, string ending = "", int train = 9, int test = 3)
    {
        Directory.CreateDirectory(folder);
        foreach (var (part, count) in ((string, int)[])[("train", train), ("t10k", test)])
        {
            if (count == 0) continue;
            var images = IdxTests.Raw(8, [(uint)count, 2, 3], [.. Enumerable.Range(0, count * 6).Select(i => (byte)(i / 6))]);
            var labels = IdxTests.Raw(8, [(uint)count], [.. Enumerable.Range(0, count).Select(i => (byte)(i % 3))]);
            File.WriteAllBytes(Path.Combine(folder, $"{part}-images-idx3-ubyte{ending}"), ending == "" ? images : IdxTests.Gzip(images));
            File.WriteAllBytes(Path.Combine(folder, $"{part}-labels-idx1-ubyte{ending}"), ending == "" ? labels : IdxTests.Gzip(labels));
        }
    }

    [Test]
    public void Digits_take_their_sizes_and_seed()
    {
        var pair = Datasets.Open("digits", s_plain with { TrainSize = 20, TestSize = 5 });
        Assert.That((pair.Train.Count, pair.Test.Count, pair.Train.SampleShape), Is.EqualTo((20, 5, new Shape(1, 28, 28))));
        Assert.That(Sample(Datasets.Open("Digits", s_plain with { TrainSize = 1, TestSize = 1, Seed = 8 }).Train, 0), Is.Not.EqualTo(Sample(pair.Train, 0)));
        Assert.That(() => Datasets.Open("digits", new DataOptions { TrainSize = 0 }), Throws.ArgumentException.With.Message.EqualTo("digits: expected a train size of 1 to 2000000, got 0."));
        Assert.That(() => Datasets.Open("mnist", new DataOptions { TestSize = 1 }), Throws.ArgumentException);
    }

    [TestCase("")]
    [TestCase(".gz")]
    public void Idx_folder(string ending)
    {
        using var folder = new TemporaryFolder();
        WriteIdx(folder.Path, ending);
        var pair = Datasets.Open(folder.Path, s_plain);
        Assert.Multiple(() =>
        {
            Assert.That((pair.Train.Count, pair.Test.Count, pair.Train.SampleShape), Is.EqualTo((9, 3, new Shape(1, 2, 3))));
            Assert.That(pair.Train.ClassNames, Is.EqualTo(new[] { "0", "1", "2" }));
            Assert.That(Sample(pair.Train, 5), Is.All.EqualTo(5 / 255f));
            Assert.That(pair.Train.Label(5), Is.EqualTo(2));
        });
    }

    [Test]
    public void Idx_folder_without_test_files_is_split()
    {
        using var folder = new TemporaryFolder();
        WriteIdx(folder.Path, test: 0, train: 8);
        var pair = Datasets.Open(folder.Path + "/", s_plain);
        Assert.That((pair.Train.Count, pair.Test.Count), Is.EqualTo((6, 2)));
        Assert.That(Enumerable.Range(0, 6).Select(i => Sample(pair.Train, i)[0]).Concat(Enumerable.Range(0, 2).Select(i => Sample(pair.Test, i)[0])).Order(),
            Is.EqualTo(Enumerable.Range(0, 8).Select(i => i * (1 / 255f))).Within(1e-9f));
    }

    [Test]
    public void Idx_folder_refusals_name_the_file()
    {
        using var folder = new TemporaryFolder();
        void Refused(string file, byte[] bytes, string message)
        {
            WriteIdx(folder.Path);
            File.WriteAllBytes(folder[file], bytes);
            Assert.That(() => Datasets.Open(folder.Path, s_plain), Throws.TypeOf<RawFileException>().With.Message.EqualTo($"{folder[file]}: {message}"));
        }
        Refused("train-labels-idx1-ubyte", IdxTests.Raw(8, [8], new byte[8]), "expected 9 labels, one for each image, got 8 (at byte 4)");
        Refused("train-labels-idx1-ubyte", IdxTests.Raw(9, [9], 0, 0, 0, 0, 0, 0, 0, 0, 255), "expected labels 0 to 2, got -1 for sample 8");
        Refused("train-labels-idx1-ubyte", IdxTests.Raw(13, [9], new byte[36]), "expected integer labels [N], got Float32 in 1 dimensions (at byte 2)");
        Refused("train-images-idx3-ubyte", IdxTests.Raw(8, [9, 6], new byte[54]), "expected images [N, H, W] or [N, C, H, W], got 2 dimensions (at byte 3)");
        Refused("train-images-idx3-ubyte", IdxTests.Raw(8, [9, 0, 3]), "expected at least one pixel, got [9, 0, 3] (at byte 4)");
        Refused("train-images-idx3-ubyte", IdxTests.Raw(13, [9, 2, 3], [.. Enumerable.Repeat((byte)0xFF, 216)]), "expected finite float32 values, got NaN in sample 0");
        Refused("t10k-images-idx3-ubyte", IdxTests.Raw(8, [3, 3, 2], new byte[18]), "expected samples [1, 2, 3] as for training, got [1, 3, 2]");
        WriteIdx(folder.Path);
        void RefusedAs(string name, string message) => Assert.That(() => Datasets.Open(folder.Path, s_plain), Throws.TypeOf<RawFileException>().With.Message.EqualTo($"{folder[name]}: {message}"));
        File.Delete(folder["t10k-labels-idx1-ubyte"]);
        RefusedAs("t10k-labels-idx1-ubyte", "expected this file, plain or .gz, got nothing at this path");
    }

    [Test]
    public void Npy_folder_of_classes_and_of_targets()
    {
        using var folder = new TemporaryFolder();
        NpyFile.Write(folder["train-images.npy"], NpyArray.Create([4, 1, 2], (ReadOnlySpan<byte>)[0, 255, 0, 255, 0, 255, 0, 255]));
        NpyFile.Write(folder["train-labels.npy"], NpyArray.Create([4], (ReadOnlySpan<long>)[0, 1, 2, 1]));
        var pair = Datasets.Open(folder.Path, s_plain);
        Assert.That((pair.Train.Count, pair.Test.Count, pair.Train.Classes, pair.Train.SampleShape), Is.EqualTo((3, 1, 3, new Shape(1, 1, 2))));
        Assert.That(Sample(pair.Train, 0), Is.EqualTo(new[] { 0f, 1 }));

        NpyFile.Write(folder["train-images.npy"], NpyArray.Create([2, 3], [1f, 2, 3, 4, 5, 6]));
        NpyFile.Write(folder["train-labels.npy"], NpyArray.Create([2, 2], [0.5, 1.5, 2.5, 3.5]));
        NpyFile.Write(folder["test-images.npy"], NpyArray.Create([1, 3], [7f, 8, 9]));
        NpyFile.Write(folder["test-labels.npy"], NpyArray.Create([1, 2], [4.5f, 5.5f]));
        pair = Datasets.Open(folder.Path, s_plain);
        var target = new float[2];
        pair.Train.ReadTarget(1, target);
        Assert.That((pair.Train.Count, pair.Test.Count, pair.Train.TargetCount), Is.EqualTo((2, 1, 2)));
        Assert.That(target, Is.EqualTo(new[] { 2.5f, 3.5f }));
        Assert.That(Sample(pair.Test, 0), Is.EqualTo(new[] { 7f, 8, 9 }));

        NpyFile.Write(folder["test-labels.npy"], NpyArray.Create([1], [4]));
        Assert.That(() => Datasets.Open(folder.Path, s_plain), Throws.TypeOf<RawFileException>().With.Message.EqualTo(
            $"{folder["test-labels.npy"]}: expected labels of the kind of training (f8 [2, 2]), got i4 [1]"));
        NpyFile.Write(folder["train-images.npy"], NpyArray.Create([2, 3], [1f, 2, 3, 4, float.NaN, 6]));
        NpyFile.Write(folder["test-labels.npy"], NpyArray.Create([1, 2], [4.5f, 5.5f]));
        Assert.That(() => Datasets.Open(folder.Path, s_plain), Throws.TypeOf<RawFileException>().With.Message.EqualTo(
            $"{folder["train-images.npy"]}: expected finite float32 values, got NaN in sample 1"));
    }

    [Test]
    public void Catalog_folders_are_found_in_order()
    {
        using var folder = new TemporaryFolder();
        var mnist = Datasets.Catalog.Single(source => source.Name == "mnist");
        var keep = ((string[])["RAWDL_DATA", "XDG_CACHE_HOME"]).ToDictionary(name => name, Environment.GetEnvironmentVariable);
        try
        {
            Environment.SetEnvironmentVariable("RAWDL_DATA", folder["env"]);
            Environment.SetEnvironmentVariable("XDG_CACHE_HOME", folder["cache"]);
            var options = s_plain with { Directory = folder["dir"] };
            Assert.That(Datasets.Find(mnist, options), Is.Null);
            Assert.That(() => Datasets.Open("mnist", options), Throws.TypeOf<RawFileException>().With.Message.EqualTo(
                $"{folder["dir/mnist"]}: expected train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz in this folder, got none of them, and downloads are off"));
            foreach (var place in (string[])["cache/rawdl/mnist", "env/mnist", "dir", "dir/mnist"])
            {
                WriteIdx(folder[place], ".gz");
                Assert.That(Datasets.Find(mnist, options), Is.EqualTo(folder[place]));
            }
            File.Delete(folder["dir/mnist/t10k-labels-idx1-ubyte.gz"]);
            Assert.That(Datasets.Find(mnist, options), Is.EqualTo(folder["dir"]));
            Assert.That(Datasets.Find(mnist, s_plain), Is.EqualTo(folder["env/mnist"]));
            var pair = Datasets.Open("mnist", s_plain);
            Assert.That((pair.Train.Classes, pair.Train.Name), Is.EqualTo((10, "mnist/train")));
            Assert.That(Datasets.Find(Datasets.Catalog[0], s_plain), Is.Null);
        }
        finally
        {
            foreach (var (name, value) in keep) Environment.SetEnvironmentVariable(name, value);
        }
    }

    [Test]
    public void What_is_neither_name_nor_path_is_refused_in_one_line()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["x.txt"], "1,2");
        Assert.Multiple(() =>
        {
            Assert.That(() => Datasets.Open("nmist", s_plain), Throws.ArgumentException.With.Message.EqualTo("Data: expected digits, mnist, fashion-mnist, cifar10, a .csv or .parquet file or a folder, got 'nmist'."));
            Assert.That(() => Datasets.Open("", s_plain), Throws.ArgumentException);
            Assert.That(() => Datasets.Open("a\nb", s_plain), Throws.ArgumentException.With.Message.Not.Contains("\n"));
            Assert.That(() => Datasets.Open(folder["x.txt"], s_plain), Throws.TypeOf<RawFileException>().With.Message.EqualTo($"{folder["x.txt"]}: expected a CSV file (.csv), a Parquet file (.parquet), packed data (.safetensors) or a folder, got another file"));
            Assert.That(() => Datasets.Open(folder["none.csv"], s_plain), Throws.TypeOf<RawFileException>().With.Message.EqualTo($"{folder["none.csv"]}: expected a file, got nothing at this path"));
            Assert.That(() => Datasets.Open(folder.Path, s_plain), Throws.TypeOf<RawFileException>().With.Message.StartsWith($"{folder.Path}: expected IDX files"));
        });
    }

    [Test]
    public void Mnist_itself()
    {
        var pair = Required.Mnist();
        Assert.That((pair.Train.Count, pair.Test.Count, pair.Train.SampleShape, pair.Train.Classes), Is.EqualTo((60_000, 10_000, new Shape(1, 28, 28), 10)));
        // The counts and the mean that the set is known for.
        Assert.That(Enumerable.Range(0, 60_000).CountBy(pair.Train.Label).OrderBy(c => c.Key).Select(c => c.Value), Is.EqualTo(new[] { 5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949 }));
        var normalization = Normalization.Compute(pair.Train);
        Assert.That((normalization.Mean[0], normalization.Std[0]), Is.EqualTo((0.1307f, 0.3081f)).Using<(float, float)>((x, y) => Math.Abs(x.Item1 - y.Item1) + Math.Abs(x.Item2 - y.Item2) < 1e-4f));
    }
}
