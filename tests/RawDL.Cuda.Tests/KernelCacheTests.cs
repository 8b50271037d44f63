using System.Diagnostics;
using System.Security.Cryptography;

namespace RawDL.Cuda.Tests;

/// <summary>Files of compiled kernels: whole or absent, and from nobody else.</summary>
internal sealed class KernelCacheTests
{
    private static readonly byte[] s_key = SHA256.HashData("key"u8), s_otherKey = SHA256.HashData("other"u8);
    private string _folder = "";
    private List<string> _warnings = [];

    [SetUp]
    public void MakeFolder() => (_folder, _warnings) = (Directory.CreateTempSubdirectory("rawdl-").FullName, []);

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void ReadsWhatWasWritten()
    {
        var image = RandomNumberGenerator.GetBytes(100_000);
        var path = Path.Combine(_folder, "new", "kernels");
        Open(path).Write("a.kernel", s_key, image);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Open(path).Read("a.kernel", s_key), Is.EqualTo(image));
            Assert.That(Open(path).ReadNewest("a", s_key), Is.EqualTo(image));
            Assert.That(Open(path).Read("b.kernel", s_key), Is.Null);
            Assert.That(Directory.GetFileSystemEntries(path), Has.Length.EqualTo(1), "no temporary file stays");
            if (!OperatingSystem.IsWindows()) Assert.That(Convert.ToString((int)File.GetUnixFileMode(path), 8), Is.EqualTo("700"));
            Assert.That(_warnings, Is.Empty);
        }
    }

    [TestCase(0)]
    [TestCase(8)]
    [TestCase(20)]
    [TestCase(50)]
    [TestCase(76)]
    [TestCase(84)]
    [TestCase(1083)]
    public void DeletesADamagedFile(int position)
    {
        var path = Path.Combine(_folder, "a.kernel");
        Open().Write("a.kernel", s_key, new byte[1000]);
        var bytes = File.ReadAllBytes(path);
        bytes[position] ^= 1;
        File.WriteAllBytes(path, bytes);
        Assert.That(Open().Read("a.kernel", s_key), Is.Null);
        Assert.That(File.Exists(path), Is.False);
    }

    [TestCase(0)]
    [TestCase(50)]
    [TestCase(1083)]
    public void DeletesAShortFile(int length)
    {
        var path = Path.Combine(_folder, "a.kernel");
        Open().Write("a.kernel", s_key, new byte[1000]);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..length]);
        Assert.That(Open().Read("a.kernel", s_key), Is.Null);
        Assert.That(File.Exists(path), Is.False);
    }

    [Test]
    public void DeletesAFileOfAnotherKey()
    {
        Open().Write("a.kernel", s_key, new byte[10]);
        Assert.That(Open().Read("a.kernel", s_otherKey), Is.Null);
    }

    [Test]
    [Platform("Linux")]
    public void RefusesAFolderThatOthersMayWriteTo()
    {
        Process.Start("chmod", ["775", _folder]).WaitForExit();
        RefusesWith(_folder, $"kernel cache: expected a folder that only its owner may write to, got {_folder} with mode 775; kernels are compiled anew in every run");
    }

    [Test]
    [Platform("Linux")]
    public void RefusesAFolderOfAnotherUser()
    {
        var folder = "/usr";
        if (Environment.UserName == "root")
        {
            folder = _folder;
            Process.Start("chown", ["65534", folder]).WaitForExit();
        }
        RefusesWith(folder, $"got {folder} of user");
    }

    [Test]
    public void GoesOnWithoutAFolder()
    {
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        RefusesWith(Path.Combine(file, "kernels"), "kernel cache: ");
    }

    [Test]
    public void WarnsOnceWhenTheFolderIsLost()
    {
        var folder = Path.Combine(_folder, "lost");
        var cache = Open(folder);
        Directory.Delete(folder);
        cache.Write("a.kernel", s_key, [1]);
        cache.Write("a.kernel", s_key, [1]);
        Assert.That(_warnings, Has.Count.EqualTo(1));
        Assert.That(cache.Folder, Is.Null);
    }

    [Test]
    public void ManyAtOnceSeeWholeFilesOnly()
    {
        var images = Enumerable.Range(0, 8).Select(k => Enumerable.Repeat((byte)k, 50_000 + k).ToArray()).ToArray();
        Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            // A cache of its own, as another process has.
            var cache = KernelCache.Open(null, _folder);
            if (i % 2 == 0) cache.Write("a.kernel", s_key, images[i / 2 % 8]);
            else if (cache.Read("a.kernel", s_key) is { } image) Assert.That(image, Is.EqualTo(images[image[0]]));
        });
        Assert.That(Open().Read("a.kernel", s_key), Is.Not.Null);
        Assert.That(Directory.GetFiles(_folder), Has.Length.EqualTo(1));
    }

    [Test]
    public void RemovesWhatIsOld()
    {
        Open().Write("old.kernel", s_key, [1]);
        Open().Write("young.kernel", s_key, [1]);
        File.WriteAllText(Path.Combine(_folder, ".killed.kernel.1.2"), "");
        File.SetLastWriteTimeUtc(Path.Combine(_folder, "old.kernel"), DateTime.UtcNow.AddDays(-100));
        File.SetLastWriteTimeUtc(Path.Combine(_folder, ".killed.kernel.1.2"), DateTime.UtcNow.AddDays(-2));
        Open().Write("new.kernel", s_key, [1]);
        Assert.That(Directory.GetFiles(_folder).Select(Path.GetFileName), Is.EquivalentTo(new[] { "young.kernel", "new.kernel" }));
    }

    [Test]
    [NonParallelizable]
    public void NvrtcIsNeededOnlyOnce()
    {
        Required.Nvrtc();
        var source = Source("cached.cu", 1);
        var image = Compiler(source).Image("cached", 8, 6);
        var before = Environment.GetEnvironmentVariable(Nvrtc.Variable);
        Environment.SetEnvironmentVariable(Nvrtc.Variable, "/nowhere/libnvrtc.so");
        try
        {
            Assert.That(Compiler(source).Image("cached", 8, 6), Is.EqualTo(image));
            Assert.That(() => Compiler(Source("cached.cu", 2)).Image("cached", 8, 6), Throws.TypeOf<CudaException>().With.Message.EqualTo(
                "kernels/cached.cu: expected NVRTC to compile it, got RAWDL_NVRTC_LIBRARY=/nowhere/libnvrtc.so, which cannot be loaded; install libnvrtc 11.2 or newer, or name one in RAWDL_NVRTC_LIBRARY"));
        }
        finally
        {
            Environment.SetEnvironmentVariable(Nvrtc.Variable, before);
        }
    }

    [Test]
    public void PrebuiltKernelsAreTakenFirst()
    {
        Required.Nvrtc();
        var source = Source("prebuilt.cu", 3);
        var prebuilt = Directory.CreateDirectory(Path.Combine(_folder, "prebuilt")).FullName;
        var bytes = Compiler(source).Write("prebuilt", "sm_80", prebuilt);
        var compiler = new KernelCompiler(source, Open(), prebuilt, lineInfo: false, int.MaxValue);
        Assert.That(compiler.Image("prebuilt", 8, 6), Has.Length.EqualTo(bytes));
        Assert.That(Directory.GetFiles(_folder, "prebuilt-*"), Is.Empty, "nothing was compiled");
    }

    [Test]
    public void ADamagedKernelIsCompiledAgain()
    {
        Required.Nvrtc();
        var source = Source("damaged.cu", 4);
        var image = Compiler(source).Image("damaged", 8, 0);
        var path = Directory.GetFiles(_folder, "damaged-*").Single();
        File.WriteAllBytes(path, [.. File.ReadAllBytes(path).SkipLast(1), 0x55]);
        Assert.That(Compiler(source).Image("damaged", 8, 0), Is.EqualTo(image));
        Assert.That(Directory.GetFiles(_folder, "damaged-*"), Has.Length.EqualTo(1));
    }

    private KernelCache Open(string? folder = null) => KernelCache.Open(_warnings.Add, folder ?? _folder);

    private KernelCompiler Compiler(ModuleSource source) => new(source, Open(), Path.Combine(_folder, "none"), lineInfo: false, int.MaxValue);

    private ModuleSource Source(string name, int value)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, $"#include \"common.cuh\"\nKERNEL(32, some_kernel, float* y) {{ y[threadIdx.x] = {value}; }}\n");
        var source = ModuleSource.Embedded.With([path]);
        File.Delete(path);
        return source;
    }

    private void RefusesWith(string folder, string warning)
    {
        var cache = Open(folder);
        cache.Write("a.kernel", s_key, [1]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(cache.Folder, Is.Null);
            Assert.That(cache.Read("a.kernel", s_key), Is.Null);
            Assert.That(_warnings, Has.Count.EqualTo(1));
            Assert.That(_warnings[0], Does.Contain(warning));
        }
    }
}
