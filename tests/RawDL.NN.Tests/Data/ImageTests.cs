using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using StbImageWriteSharp;

namespace RawDL.NN.Tests;

/// <summary>PNG and JPEG files, folders of them, sheets and samples to predict.</summary>
public sealed class ImageTests
{
    /// <summary>A PNG made by hand: each chunk as given, with a right CRC.</summary>
    internal static byte[] Chunks(params (string Kind, byte[] Body)[] chunks)
    {
        var file = new List<byte> { 0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10 };
        foreach (var (kind, body) in chunks)
        {
            byte[] checkedPart = [.. Encoding.ASCII.GetBytes(kind), .. body];
            file.AddRange([.. Big(body.Length), .. checkedPart, .. Big((int)Crc32.Compute(checkedPart))]);
        }
        return [.. file];
    }

    internal static byte[] Big(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    internal static byte[] Head(int width, int height, byte depth, byte colour, byte interlace = 0) => [.. Big(width), .. Big(height), depth, colour, 0, 0, interlace];

    internal static byte[] Zip(byte[] raw)
    {
        var stream = new MemoryStream();
        using (var zip = new ZLibStream(stream, CompressionLevel.Optimal)) zip.Write(raw);
        return stream.ToArray();
    }

    internal static byte[] Png(byte[] planes, int width, int height, int channels)
    {
        var stream = new MemoryStream();
        ImageFile.WritePng(stream, planes, width, height, channels);
        return stream.ToArray();
    }

    internal static byte[] Jpeg(byte[] pixels, int width, int height, int channels, int quality = 95)
    {
        var stream = new MemoryStream();
        new ImageWriter().WriteJpg(pixels, width, height, channels == 1 ? ColorComponents.Grey : ColorComponents.RedGreenBlue, stream, quality);
        return stream.ToArray();
    }

    internal static byte[] Noise(int count, int seed = 1)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    [TestCase(1)]
    [TestCase(3)]
    public void Png_round_trips(int channels)
    {
        var planes = Noise(7 * 5 * channels);
        var png = Png(planes, 7, 5, channels);
        Assert.That(ImageFile.Decode(png, "x", out var width, out var height, channels), Is.EqualTo(planes));
        Assert.That((width, height, ImageFile.Inspect(png, "x").Channels), Is.EqualTo((7, 5, channels)));
    }

    [Test]
    public void Png_kinds_are_read()
    {
        void Reads(int channels, byte[] expected, int header, params (string, byte[])[] chunks)
        {
            var png = Chunks([.. chunks, ("IEND", [])]);
            Assert.That(ImageFile.Inspect(png, "x").Channels, Is.EqualTo(header));
            Assert.That(ImageFile.Decode(png, "x", out _, out _, channels), Is.EqualTo(expected));
        }
        Assert.Multiple(() =>
        {
            Reads(1, [0, 255, 255, 0], 1, ("IHDR", Head(2, 2, 1, 0)), ("IDAT", Zip([0, 0x40, 0, 0x80])));
            Reads(1, [0x12, 0x56], 1, ("IHDR", Head(2, 1, 16, 0)), ("IDAT", Zip([0, 0x12, 0x34, 0x56, 0x78])));
            Reads(1, [9, 7], 1, ("IHDR", Head(2, 1, 8, 4)), ("IDAT", Zip([0, 9, 255, 7, 0])));
            Reads(3, [1, 4, 2, 5, 3, 6], 3, ("IHDR", Head(2, 1, 8, 6)), ("IDAT", Zip([0, 1, 2, 3, 255, 4, 5, 6, 255])));
            Reads(3, [30, 0, 20, 0, 10, 0], 3, ("IHDR", Head(2, 1, 8, 3)), ("PLTE", [0, 0, 0, 30, 20, 10]), ("IDAT", Zip([0, 1, 0])));
            Reads(1, [5, 0], 1, ("IHDR", Head(2, 1, 1, 3)), ("PLTE", [0, 0, 0, 5, 5, 5]), ("tEXt", [65, 0, 66]), ("IDAT", Zip([0, 0x80])));
            Reads(1, [(77 * 100 + 150 * 50 + 29 * 200) >> 8], 3, ("IHDR", Head(1, 1, 8, 2)), ("IDAT", Zip([0, 100, 50, 200])));
            // Adam7 of 3 x 2: pass 1 has (0,0), pass 4 has (2,0), pass 6 has (1,0), pass 7 the second row. The stream is cut in two chunks.
            var zip = Zip([0, 1, 0, 3, 0, 2, 0, 4, 5, 6]);
            Reads(1, [1, 2, 3, 4, 5, 6], 1, ("IHDR", Head(3, 2, 8, 0, 1)), ("IDAT", zip[..3]), ("IDAT", zip[3..]));
        });
    }

    [TestCase(1)]
    [TestCase(3)]
    public void Jpeg_is_read_within_its_loss(int channels)
    {
        var pixels = new byte[40 * 30 * channels];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(40 + i / channels % 40 * 4 + i % channels * 20);
        var planes = ImageFile.Decode(Jpeg(pixels, 40, 30, channels), "x", out var width, out var height, channels);
        Assert.That((width, height), Is.EqualTo((40, 30)));
        for (var i = 0; i < 1200; i++)
            for (var c = 0; c < channels; c++) Assert.That(planes[c * 1200 + i], Is.EqualTo(pixels[i * channels + c]).Within(8));
    }

    private static string Golden(string name) => Path.Combine(AppContext.BaseDirectory, "golden", "images", name + ".jpg");

    [TestCase("grey", 1)]
    [TestCase("grey_progressive", 1)]
    [TestCase("colour_progressive", 3)]
    public void Jpeg_of_another_encoder_is_read(string name, int channels)
    {
        var bytes = File.ReadAllBytes(Golden(name));
        Assert.That(ImageFile.Inspect(bytes, "x"), Is.EqualTo(new ImageHeader(32, 24, channels)));
        var planes = ImageFile.Decode(bytes, "x", out _, out _, channels);
        var error = 0.0;
        for (var c = 0; c < channels; c++)
            for (var y = 0; y < 24; y++)
                for (var x = 0; x < 32; x++) error += Math.Abs(planes[(c * 24 + y) * 32 + x] - Math.Clamp(8 * x * (c + 1) / 2 + y * 5 * (2 - c), 0, 255));
        Assert.That(error / planes.Length, Is.LessThan(4));
    }

    /// <summary>Three classes of three grey PNG and one grey JPEG of 32 x 24 pixels.</summary>
    private static void WriteImages(string folder)
    {
        foreach (var (name, value) in ((string, byte)[])[("b", 200), ("a", 100), ("Z", 50)])
        {
            Directory.CreateDirectory(Path.Combine(folder, name));
            for (var i = 0; i < 3; i++)
                File.WriteAllBytes(Path.Combine(folder, name, $"{i}.png"), Png([.. Enumerable.Repeat((byte)(value + i), 768)], 32, 24, 1));
            File.Copy(Golden("grey"), Path.Combine(folder, name, "9.JPG"));
        }
        File.WriteAllText(Path.Combine(folder, "a", "notes.txt"), "no image");
        Directory.CreateDirectory(Path.Combine(folder, ".hidden"));
    }

    [Test]
    public void Folder_of_images_by_class()
    {
        using var folder = new TemporaryFolder();
        WriteImages(folder["train"]);
        var split = Datasets.Open(folder["train"], new DataOptions());
        Assert.That((split.Train.Count, split.Test.Count), Is.EqualTo((10, 2)));
        WriteImages(folder["test"]);
        var pair = Datasets.Open(folder.Path, new DataOptions());
        Assert.Multiple(() =>
        {
            Assert.That((pair.Train.Count, pair.Test.Count, pair.Train.SampleShape), Is.EqualTo((12, 12, new Shape(1, 24, 32))));
            Assert.That(pair.Train.ClassNames, Is.EqualTo(new[] { "Z", "a", "b" }));
            Assert.That(Enumerable.Range(0, 12).Select(pair.Train.Label), Is.EqualTo(new[] { 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2 }));
            Assert.That(DatasetsTests.Sample(pair.Train, 5), Is.All.EqualTo(101 / 255f).Within(1e-6f));
            Assert.That(DatasetsTests.Sample(pair.Train, 11)[31], Is.EqualTo(124 / 255f).Within(0.03f));
        });
        // One coloured image makes all of them colour.
        File.WriteAllBytes(folder["train/a/1.png"], Png([.. Enumerable.Repeat((byte)9, 768), .. new byte[1536]], 32, 24, 3));
        pair = Datasets.Open(folder.Path, new DataOptions());
        Assert.That((pair.Train.SampleShape, pair.Test.SampleShape), Is.EqualTo((new Shape(3, 24, 32), new Shape(3, 24, 32))));
        Assert.That(DatasetsTests.Sample(pair.Train, 5)[..769].Select(x => MathF.Round(x * 255)), Is.EqualTo(Enumerable.Repeat(9f, 768).Append(0)));
    }

    [Test]
    public void Folder_refusals_name_the_file()
    {
        using var folder = new TemporaryFolder();
        WriteImages(folder.Path);
        void Refused(string file, byte[] bytes, string message)
        {
            var good = File.ReadAllBytes(folder[file]);
            File.WriteAllBytes(folder[file], bytes);
            Assert.That(() => Datasets.Open(folder.Path, new DataOptions()), Throws.TypeOf<RawFileException>().With.Message.EqualTo($"{folder[file]}: {message}"));
            File.WriteAllBytes(folder[file], good);
        }
        Refused("a/1.png", Png(new byte[6], 2, 3, 1), $"expected 32 x 24 pixels as in {folder["Z/0.png"]}, got 2 x 3");
        Refused("b/2.png", "GIF89a"u8.ToArray(), "expected a PNG or JPEG image, got the bytes 47494638 (at byte 0)");
        Refused("b/2.png", [], "expected a file with content, got 0 bytes (at byte 0)");
        File.CreateSymbolicLink(folder["a/5.png"], "/dev/zero");
        Assert.That(() => Datasets.Open(folder.Path, new DataOptions()), Throws.TypeOf<RawFileException>().With.Message.EqualTo($"{folder["a/5.png"]}: expected a file with content, got 0 bytes (at byte 0)"));
        File.Delete(folder["a/5.png"]);
        Directory.CreateDirectory(folder["both"]);
        WriteImages(folder["both/train"]);
        WriteImages(folder["both/test"]);
        Directory.Move(folder["both/test/a"], folder["both/test/new"]);
        Assert.That(() => Datasets.Open(folder["both"], new DataOptions()), Throws.TypeOf<RawFileException>().With.Message.StartsWith($"{folder["both/test/new"]}: expected a class that is among"));
    }

    [Test]
    public void Sheet_shows_classes_in_order()
    {
        using var folder = new TemporaryFolder();
        // Class 1 first, so that the order is the sheet's own; class 2 has one sample for two cells.
        var dataset = new ByteDataset("d", new Shape(1, 30, 60), Enumerable.Range(0, 5).SelectMany(i => Enumerable.Repeat((byte)(10 * i), 1800)).ToArray(), [1, 1, 0, 0, 2], ["a", "b", "c"]);
        SampleSheet.WritePng(folder["s.png"], dataset, 3, 2);
        var sheet = ImageFile.Read(folder["s.png"], out var width, out var height, 1);
        Assert.That((width, height), Is.EqualTo((2 * 62 + 2, 3 * 32 + 2)));
        Assert.That(new[] { (0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1) }.Select(cell => sheet[(cell.Item1 * 32 + 17) * width + cell.Item2 * 62 + 32]), Is.EqualTo(new byte[] { 20, 30, 0, 10, 40, 64 }));
        var table = new FloatDataset("t", new Shape(2), new float[4], [0, 0], ["x"]);
        Assert.That(() => SampleSheet.WritePng(folder["t.png"], table, 1, 1), Throws.ArgumentException.With.Message.EqualTo("SampleSheet: expected images [1, H, W] or [3, H, W], got [2]."));
        foreach (var (rows, columns) in ((int, int)[])[(0, 1), (1, -1), (int.MaxValue, int.MaxValue), (1 << 20, 1)])
            Assert.That(() => SampleSheet.WritePng(folder["t.png"], dataset, rows, columns), Throws.ArgumentException);
        SampleSheet.WritePng(folder["digits.png"], Digits.Draw("d", 0, 0, 40), 4, 10);
        Assert.That(ImageFile.Inspect(File.ReadAllBytes(folder["digits.png"]), "x"), Is.EqualTo(new ImageHeader(582, 234, 1)));
        Assert.That(File.Exists(folder["t.png"]), Is.False);
    }

    [Test]
    public void Samples_of_every_kind_of_file_fit_a_model()
    {
        using var folder = new TemporaryFolder();
        var said = new List<string>();
        FloatDataset Read(string name, Shape expected) => SampleFile.Read(folder[name], expected, ["x", "y"], said.Add);
        DatasetsTests.WriteIdx(folder.Path, ".gz");
        File.WriteAllBytes(folder["a.png"], Png([0, 255, 0, 255, 0, 255], 3, 2, 1));
        File.WriteAllBytes(folder["c.png"], Png([255, 0, 0, 0, 0, 0], 2, 1, 3));
        File.WriteAllBytes(folder["b.jpeg"], Jpeg([.. Enumerable.Repeat((byte)128, 64)], 8, 8, 1));
        NpyFile.Write(folder["n.npy"], NpyArray.Create([2, 2, 3], new float[12]));
        NpyFile.Write(folder["rgb.npy"], NpyArray.Create([3, 1, 1], [1f, 1, 1]));
        NpyFile.Write(folder["f.npy"], NpyArray.Create([5, 6], new double[30]));
        Assert.Multiple(() =>
        {
            Assert.That((Read("train-images-idx3-ubyte.gz", new Shape(1, 2, 3)).Count, Read("n.npy", new Shape(1, 2, 3)).Count, Read("n.npy", new Shape(6)).Count, Read("f.npy", new Shape(6)).Count), Is.EqualTo((9, 2, 2, 5)));
            Assert.That(DatasetsTests.Sample(Read("a.png", new Shape(1, 2, 3)), 0), Is.EqualTo(new[] { 0f, 1, 0, 1, 0, 1 }));
            Assert.That(DatasetsTests.Sample(Read("a.png", new Shape(3, 2, 3)), 0)[6..12], Is.EqualTo(new[] { 0f, 1, 0, 1, 0, 1 }));
            Assert.That(DatasetsTests.Sample(Read("c.png", new Shape(1, 1, 2)), 0), Is.EqualTo(new[] { (77 * 255 >> 8) / 255f, 0 }).Within(1e-6f));
            Assert.That(DatasetsTests.Sample(Read("c.png", new Shape(6)), 0), Is.EqualTo(new[] { 1f, 0, 0, 0, 0, 0 }));
            Assert.That(said, Is.Empty);
            Assert.That(DatasetsTests.Sample(Read("rgb.npy", new Shape(3, 2, 2)), 0), Is.All.EqualTo(1f));
            Assert.That(DatasetsTests.Sample(Read("b.jpeg", new Shape(1, 28, 28)), 0), Is.All.EqualTo(128 / 255f).Within(0.01f));
            Assert.That(said[1], Is.EqualTo($"{folder["b.jpeg"]}: [1, 8, 8] fitted to [1, 28, 28]"));
            Assert.That(SampleFile.Read(folder["a.png"], new Shape(1, 2, 3), []).TargetCount, Is.EqualTo(1));
            Assert.That(() => Read("f.npy", new Shape(7)), Throws.TypeOf<RawFileException>().With.Message.EqualTo($"{folder["f.npy"]}: expected samples [7], got [5, 6]"));
            Assert.That(() => Read("a.png", new Shape(2, 2, 3)), Throws.TypeOf<RawFileException>());
            Assert.That(() => Read("none", new Shape(2)), Throws.TypeOf<RawFileException>());
            Assert.That(() => Read("a.png", new Shape(2, 3)), Throws.TypeOf<ShapeException>());
        });
        File.WriteAllBytes(folder["empty"], IdxTests.Raw(8, [0, 2, 3]));
        Assert.That(() => Read("empty", new Shape(1, 2, 3)), Throws.TypeOf<RawFileException>().With.Message.EqualTo($"{folder["empty"]}: expected at least one sample, got [0, 2, 3]"));
    }

    [Test]
    public void Resizing_keeps_constants_and_ramps_and_averages()
    {
        float[] ramp = [.. Enumerable.Range(0, 64).Select(i => (float)(i % 8))];
        Assert.That(ImageResize.Run(ramp, 8, 8, 8, 8), Is.EqualTo(ramp));
        Assert.That(ImageResize.Run([.. Enumerable.Repeat(0.5f, 60)], 6, 10, 28, 3), Is.All.EqualTo(0.5f).Within(1e-6f));
        // Twice as wide: sample i lies at (i + 1/2) / 2 - 1/2, cut at the border.
        Assert.That(ImageResize.Run(ramp, 8, 8, 1, 16), Is.EqualTo(Enumerable.Range(0, 16).Select(i => Math.Clamp(i / 2f - 0.25f, 0, 7))).Within(1e-5f));
        // Half as wide: weights 1, 3, 3, 1 of 8 around the centre 2 i + 1/2; at the border 3, 3, 1 of 7.
        Assert.That(ImageResize.Run(ramp, 8, 8, 1, 4), Is.EqualTo(new[] { (0 * 3 + 1 * 3 + 2) / 7f, 2.5f, 4.5f, 7 - (0 * 3 + 1 * 3 + 2) / 7f }).Within(1e-5f));
    }
}
