using System.Text.RegularExpressions;

namespace RawDL.Cuda.Tests;

/// <summary>Every kernel compiles for every architecture to machine code, so that inline PTX is assembled too, and keeps its values in registers.</summary>
[Parallelizable(ParallelScope.Children)]
internal sealed partial class NvrtcTests
{
    [OneTimeSetUp]
    public void RequireNvrtc() => Required.Nvrtc();

    [TestCaseSource(nameof(ModulesAndArchitectures))]
    public void CompilesWithoutSpills(string module, string architecture)
    {
        var nvrtc = Required.Nvrtc();
        var number = int.Parse(architecture[3..5]);
        if (!nvrtc.Architectures.Contains(number)) Required.Missing("nvrtc", $"expected an NVRTC that knows {architecture}, got {nvrtc.Version}");
        // What was found good stays so until a source changes: all of this takes minutes on two cores.
        var key = ModuleSource.Hash([nvrtc.Version.ToString(), module, architecture, ModuleSource.Embedded.Text(module), .. ModuleSource.Embedded.Headers.SelectMany(header => new[] { header.Key, header.Value })]);
        var (cache, name) = (KernelCache.Open(), $"checked-{module}-{architecture}-{Convert.ToHexStringLower(key)[..24]}.kernel");
        if (cache.Read(name, key) is not null) return;
        var image = nvrtc.Compile(ModuleSource.Embedded, module, architecture, ["-std=c++17", "--ptxas-options=-v"], out var log);
        Assert.That(image.AsSpan(0, 4).SequenceEqual("\u007fELF"u8), "a cubin is an ELF file");
        var kernels = Properties().Matches(log);
        // A module whose kernels need a newer device is empty, but no kernel may escape the pattern.
        Assert.That(kernels, Has.Count.EqualTo(Regex.Count(log, "Compiling entry function")).And.Count.GreaterThanOrEqualTo(number >= 90 ? 1 : 0), log);
        using (Assert.EnterMultipleScope())
        {
            // A warning says that setmaxnreg was ignored (C7508) or that wgmma is serialised (C7510), or shows a slip.
            Assert.That(log.Split('\n').Where(line => line.Contains("warning", StringComparison.OrdinalIgnoreCase)), Is.Empty);
            Assert.That(from kernel in kernels
                        where int.Parse(kernel.Groups["stores"].Value) + int.Parse(kernel.Groups["loads"].Value) > 0
                        select $"{kernel.Groups["name"].Value}: {kernel.Groups["stores"].Value} bytes stored, {kernel.Groups["loads"].Value} loaded", Is.Empty, "spills");
        }
        cache.Write(name, key, [1]);
    }

    [TestCase(9, 0, "sm_90a")]
    [TestCase(8, 9, "sm_89")]
    [TestCase(8, 8, "sm_87", Description = "code of a lower minor version runs")]
    [TestCase(7, 0, "sm_70")]
    [TestCase(12, 0, "compute_90", Description = "newer than the compiler: PTX")]
    [TestCase(10, 3, "compute_90")]
    public void ChoosesTheArchitecture(int major, int minor, string expected) =>
        Assert.That(Nvrtc.Architecture([50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90], new Version(12, 4), major, minor), Is.EqualTo(expected));

    [Test]
    public void RefusesADeviceOlderThanTheCompiler() =>
        Assert.That(() => Nvrtc.Architecture([75, 80, 90], new Version(13, 0), 7, 0), Throws.TypeOf<CudaException>().With.Message.Contains("expected a device of sm_75 or newer, got sm_70"));

    [Test]
    public void TellsTheFirstErrorInOneLine()
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "broken.cu");
        File.WriteAllText(path, "#include \"common.cuh\"\nKERNEL(32, broken, float* y) { y[0] = nothing; }\n");
        Assert.That(() => Required.Nvrtc().Compile(ModuleSource.Embedded.With([path]), "broken", "sm_80", ["-std=c++17"], out _),
            Throws.TypeOf<CudaException>().With.Message.EqualTo("kernels/broken.cu for sm_80 at nvrtcCompileProgram: broken.cu(2): error: identifier \"nothing\" is undefined"));
    }

    [Test]
    public void MakesPtxForANewerDevice()
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "small.cu");
        File.WriteAllText(path, "#include \"common.cuh\"\nKERNEL(96, small, float* y) { y[threadIdx.x] = 1; }\n");
        var ptx = Required.Nvrtc().Compile(ModuleSource.Embedded.With([path]), "small", "compute_80", ["-std=c++17"], out _);
        Assert.That(System.Text.Encoding.ASCII.GetString(ptx), Does.Contain(".maxntid 96").And.EndsWith("\0"), "cuModuleLoadData reads up to the zero");
    }

    private static IEnumerable<TestCaseData> ModulesAndArchitectures() =>
        from module in ModuleSource.Embedded.Modules
        from architecture in new[] { "sm_70", "sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a" }
        select new TestCaseData(module, architecture);

    [GeneratedRegex(@"Function properties for (?<name>\w+)\s+(?:ptxas\s+\.\s+)?\d+ bytes stack frame, (?<stores>\d+) bytes spill stores, (?<loads>\d+) bytes spill loads")]
    private static partial Regex Properties();
}
