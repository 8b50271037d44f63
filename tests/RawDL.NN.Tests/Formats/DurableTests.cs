namespace RawDL.NN.Tests;

public sealed class DurableTests
{
    private static readonly byte[] s_old = [1, 2, 3], s_new = [4, 5, 6, 7];

    [Test]
    public void ReplacesAFileWhole()
    {
        using var folder = new TemporaryFolder();
        Durable.WriteAllBytes(folder["a"], s_old);
        Durable.WriteAllBytes(folder["a"], s_new);
        Assert.Multiple(() =>
        {
            Assert.That(File.ReadAllBytes(folder["a"]), Is.EqualTo(s_new));
            Assert.That(Directory.GetFileSystemEntries(folder.Path), Has.Length.EqualTo(1));
        });
    }

    [Test]
    public void WritesToARelativePath()
    {
        var name = $"durable-{Guid.NewGuid():N}";
        Durable.WriteAllBytes(name, s_old);
        Assert.That(File.ReadAllBytes(name), Is.EqualTo(s_old));
        File.Delete(name);
    }

    [Test]
    public void KeepsTheOldFileWhenTheWriterFails()
    {
        using var folder = new TemporaryFolder();
        Durable.WriteAllBytes(folder["a"], s_old);
        Assert.Multiple(() =>
        {
            Assert.That(() => Durable.Write(folder["a"], stream => { stream.WriteByte(9); throw new InvalidOperationException("stop"); }),
                Throws.InvalidOperationException.With.Message.EqualTo("stop"));
            Assert.That(() => Durable.Write(folder["a"], stream => { stream.WriteByte(9); throw new IOException("disk gone"); }),
                Throws.TypeOf<IOException>().With.Message.EqualTo($"{folder["a"]}: expected to save the file, got disk gone (the previous file is unchanged)"));
            Assert.That(File.ReadAllBytes(folder["a"]), Is.EqualTo(s_old));
            Assert.That(Directory.GetFileSystemEntries(folder.Path), Has.Length.EqualTo(1), "the temporary file must go");
        });
    }

    [Test]
    public void SaysWhatStoodInTheWay()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["directory"]);
        var target = folder["directory"];
        File.WriteAllBytes(Path.Combine(target, "x"), s_old);
        Assert.Multiple(() =>
        {
            Assert.That(() => Durable.WriteAllBytes(folder["missing/a"], s_new), Throws.InstanceOf<IOException>().With.Message.StartsWith($"{folder["missing/a"]}: expected to save the file, got "));
            Assert.That(() => Durable.WriteAllBytes(target, s_new), Throws.InstanceOf<IOException>().With.Message.StartsWith($"{target}: expected to put the new file in place, got "));
            Assert.That(Directory.GetFileSystemEntries(folder.Path), Has.Length.EqualTo(1), "the temporary file must go");
        });
    }

    [Test]
    public void ReplacesALinkAndNotItsTarget()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["target"], s_old);
        File.CreateSymbolicLink(folder["link"], folder["target"]);
        Durable.WriteAllBytes(folder["link"], s_new);
        Assert.Multiple(() =>
        {
            Assert.That(File.ReadAllBytes(folder["target"]), Is.EqualTo(s_old));
            Assert.That(File.ReadAllBytes(folder["link"]), Is.EqualTo(s_new));
            Assert.That(new FileInfo(folder["link"]).LinkTarget, Is.Null);
        });
    }

    [Test]
    public void RefusesASpaceThatNoDiskHas()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["a"], s_old);
        var written = false;
        Assert.Multiple(() =>
        {
            Assert.That(() => Durable.Write(folder["a"], _ => written = true, 1L << 55), Throws.InstanceOf<IOException>().With.Message.Contains("the previous file is unchanged"));
            Assert.That(written, Is.False, "the space must be refused before anything is written");
            Assert.That(File.ReadAllBytes(folder["a"]), Is.EqualTo(s_old));
            Assert.That(Directory.GetFileSystemEntries(folder.Path), Has.Length.EqualTo(1));
        });
    }

    [Test]
    public void CreatesADirectoryAndItsParents()
    {
        using var folder = new TemporaryFolder();
        Durable.CreateDirectory(folder["a/b/c"]);
        Durable.CreateDirectory(folder["a/b/c"]);
        Assert.That(Directory.Exists(folder["a/b/c"]), Is.True);
    }
}
