using System.Text.RegularExpressions;

namespace RawDL.Cuda.Tests;

/// <summary>Every kernel compiles for every architecture to machine code, so that inline PTX is assembled too, and keeps its values in registers.</summary>
[Parallelizable(ParallelScope.Children)]
internal sealed partial class NvrtcTests
{
    /// <summary>Kernels that may spill, each with its reason.</summary>
    private static readonly Dictionary<string, string> s_spills = [];

    [OneTimeSetUp]
    public void RequireNvrtc() => Required.Nvrtc();

    [TestCaseSource(nameof(ModulesAndArchitectures))]
    public void CompilesWithoutSpills(string module, string architecture)
    {
        var nvrtc = Required.Nvrtc();
        var number = int.Parse(architecture[3..5]);
        if (!nvrtc.Architectures.Contains(number)) Required.Missing("nvrtc", $"expected an NVRTC that knows {architecture}, got {nvrtc.Version}");
        var image = nvrtc.Compile(ModuleSource.Embedded, module, architecture, ["-std=c++17", "--ptxas-options=-v"], out var log);
        Assert.That(image.AsSpan(0, 4).SequenceEqual("\u007fELF"u8), "a cubin is an ELF file");
        var kernels = Properties().Matches(log);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(kernels, Is.Not.Empty, log);
            // A warning says that setmaxnreg was ignored (C7508) or that wgmma is serialised (C7510), or shows a slip.
            Assert.That(log.Split('\n').Where(line => line.Contains("warning", StringComparison.OrdinalIgnoreCase)), Is.Empty);
            foreach (Match kernel in kernels)
            {
                if (s_spills.ContainsKey(kernel.Groups["name"].Value)) continue;
                Assert.That(int.Parse(kernel.Groups["stores"].Value) + int.Parse(kernel.Groups["loads"].Value), Is.Zero, $"{kernel.Groups["name"].Value} on {architecture}: {kernel.Value}");
            }
        }
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

    [GeneratedRegex(@"Function properties for (?<name>\w+)\s+\d+ bytes stack frame, (?<stores>\d+) bytes spill stores, (?<loads>\d+) bytes spill loads")]
    private static partial Regex Properties();
}
