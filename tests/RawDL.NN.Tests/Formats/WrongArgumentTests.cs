namespace RawDL.NN.Tests;

/// <summary>Wrong arguments of the readers and writers of files: an exception of one line that says what is wrong, and no file.</summary>
public sealed class WrongArgumentTests
{
    private static readonly Dictionary<string, string> s_none = [];
    private static readonly SafetensorsTensor s_w = SafetensorsTensor.Create("w", new Shape(1), [1]);

    private static IEnumerable<(string Name, Action Use, string Message)> Values()
    {
        yield return ("type missing", () => _ = new SafetensorsTensor("a", "", [1], new byte[4]), "SafetensorsTensor: 'a' expects a known element type, got ''.");
        yield return ("type of several lines", () => _ = new SafetensorsTensor("a\r\n", "F\n32", [1], new byte[4]), "SafetensorsTensor: 'a??' expects a known element type, got 'F?32'.");
        yield return ("type in small letters", () => _ = new SafetensorsTensor("a", "f32", [1], new byte[4]), "SafetensorsTensor: 'a' expects a known element type, got 'f32'.");
        yield return ("type of 1 MB", () => _ = new SafetensorsTensor("a", new string('F', 1 << 20), [1], new byte[4]), $"SafetensorsTensor: 'a' expects a known element type, got '{new string('F', 80)}…'.");
        yield return ("name of 1 MB", () => _ = new SafetensorsTensor(new string('n', 1 << 20), "F32", [2], new byte[4]), $"SafetensorsTensor: '{new string('n', 80)}…' F32 [2] expects 8 bytes, got 4.");
        yield return ("reserved name", () => _ = new SafetensorsTensor("__metadata__", "F32", [1], new byte[4]), "SafetensorsTensor: expected a name other than __metadata__, which the format reserves.");
        yield return ("extent -1", () => _ = new SafetensorsTensor("a", "F32", [-1], new byte[4]), "SafetensorsTensor: 'a' expects extents >= 0, got -1.");
        yield return ("extents of 2^64", () => _ = new SafetensorsTensor("a", "F32", [1L << 32, 1L << 32], new byte[4]),
            "SafetensorsTensor: 'a' F32 [4294967296, 4294967296] expects a size of whole bytes below 2^63, got 4.");
        yield return ("half a byte", () => _ = new SafetensorsTensor("a", "F4", [3], new byte[2]), "SafetensorsTensor: 'a' F4 [3] expects a size of whole bytes below 2^63, got 2.");
        yield return ("33 extents", () => _ = new SafetensorsTensor("a", "F32", Enumerable.Repeat(1L, 33).ToArray(), new byte[4]), "SafetensorsTensor: 'a' expects at most 32 extents, got 33.");
        yield return ("data missing", () => _ = new SafetensorsTensor("a", "F32", [1], default), "SafetensorsTensor: 'a' F32 [1] expects 4 bytes, got 0.");
        yield return ("values missing", () => SafetensorsTensor.Create("a", new Shape(2, 3), [1, 2, 3]), "SafetensorsTensor: 'a' [2, 3] expects 6 values, got 3.");
        yield return ("name twice", () => SafetensorsFile.ToBytes([s_w, s_w], s_none), "SafetensorsFile: expected each name once, got 'w' twice.");
        yield return ("reserved key", () => SafetensorsFile.ToBytes([s_w], Strings("rawdl.crc32c.\n", "")), "SafetensorsFile: expected metadata without the reserved key 'rawdl.crc32c.?'.");
        yield return ("key no text", () => SafetensorsFile.ToBytes([s_w], Strings("\ud800", "")), "SafetensorsFile: expected text without halves of surrogate pairs, got '\ud800'.");
        yield return ("value no text", () => SafetensorsFile.ToBytes([s_w], Strings("a", "b\udc00")), "SafetensorsFile: expected text without halves of surrogate pairs, got 'b\udc00'.");
        yield return ("name no text", () => SafetensorsFile.ToBytes([SafetensorsTensor.Create("\ud83d", new Shape(1), [1])], s_none, SafetensorsChecksums.Omit),
            "SafetensorsFile: expected text without halves of surrogate pairs, got '\ud83d'.");
        yield return ("65537 tensors", () => SafetensorsFile.ToBytes([.. Enumerable.Repeat(s_w, 65_537)], s_none), "SafetensorsFile: expected at most 65536 tensors, got 65537.");
        yield return ("array of -1", () => NpyArray.Create([-1], [1f]), "NpyArray: expected values that fill [-1], got 1.");
        yield return ("array of 2^62", () => NpyArray.Create([int.MaxValue, int.MaxValue], [1.0]), "NpyArray: expected values that fill [2147483647, 2147483647], got 1.");
        yield return ("overflow hidden by a zero", () => NpyArray.Create([0, int.MaxValue, int.MaxValue], Array.Empty<long>()), "NpyArray: expected values that fill [0, 2147483647, 2147483647], got 0.");
        yield return ("array of 33 extents", () => NpyArray.Create(Enumerable.Repeat(1, 33).ToArray(), [1]), "NpyArray: expected at most 32 extents, got 33.");
        yield return ("array unfilled", () => NpyArray.Create([], Array.Empty<byte>()), "NpyArray: expected values that fill [], got 0.");
    }

    private static Dictionary<string, string> Strings(string key, string value) => new() { [key] = value };

    [Test]
    public void WrongValuesAreRefused()
    {
        var count = 0;
        Assert.Multiple(() =>
        {
            foreach (var (name, use, message) in Values())
            {
                Assert.That(use, Throws.InstanceOf<ArgumentException>().With.Message.EqualTo(message), name);
                count++;
            }
        });
        TestContext.Out.WriteLine($"wrong values for writers: {count}");
    }

    [Test]
    public void WrongPathsAreRefusedInOneLine()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["file"], [1]);
        (string Name, string Path)[] paths =
        [
            ("missing", folder["none/a"]), ("empty", ""), ("a directory", folder.Path), ("below a file", folder["file/a"]), ("only spaces", folder["  /a"]), ("zero", "a\0b"),
            ("several lines", folder["none\nsecond line\u2028third/a"]), ("no text", folder["\ud800/a"]), ("1 MB", folder[new string('p', 1 << 20)]),
            ("unicode", folder["größe∞🦊/a"]), ("a device of no space", "/dev/full/a"), ("too many links", folder["loop/a"]),
        ];
        File.CreateSymbolicLink(folder["loop"], folder["loop"]);
        Action<string>[] uses =
        [
            path => SafetensorsFile.Read(path), path => NpyFile.Read(path), path => IdxFile.Read(path),
            path => SafetensorsFile.Write(path, [s_w], s_none), path => NpyFile.Write(path, NpyArray.Create([1], [1f])), path => Durable.WriteAllBytes(path, new byte[1]),
        ];
        var count = 0;
        Assert.Multiple(() =>
        {
            foreach (var (name, path) in paths)
                for (var i = 0; i < uses.Length; i++, count++)
                {
                    var exception = Assert.Catch<Exception>(() => uses[i](path), $"{name}, use {i}")!;
                    // Only a text that is no path at all may be an argument's fault.
                    if (i < 3) Assert.That(exception, Is.TypeOf<RawFileException>(), $"{name}, use {i}");
                    else Assert.That(exception, path.Length is 0 or 3 ? Is.InstanceOf<ArgumentException>() : Is.InstanceOf<IOException>(), $"{name}, use {i}");
                    Assert.That(exception.Message.AsSpan().ContainsAny("\r\n\u2028"), Is.False, $"{name}, use {i}: {exception.Message}");
                    Assert.That(exception.Message, Has.Length.LessThan(1200), $"{name}, use {i}");
                }
        });
        TestContext.Out.WriteLine($"wrong paths: {paths.Length}, uses: {count}");
        Assert.That(Directory.GetFileSystemEntries(folder.Path), Has.Length.EqualTo(2));
    }
}
