using System.Diagnostics;
using System.Text.RegularExpressions;

namespace RawDL.Cuda.Tests;

/// <summary>What C# asks for by name is there, and no name stands for two kernels.</summary>
internal sealed partial class KernelNamesTests
{
    private static readonly Lazy<Dictionary<string, string[]>> s_kernels = new(ReadKernels);

    [OneTimeSetUp]
    public void RequireCompiler() => Required.Emulator();

    [Test]
    public void EveryKernelThatIsAskedForExists()
    {
        var asked = AskedFor().ToArray();
        Assert.That(asked.Where(kernel => !s_kernels.Value.TryGetValue(kernel.Module, out var names) || !names.Contains(kernel.Name)).Select(kernel => $"{kernel.Module}.cu: {kernel.Name} ({kernel.File})"), Is.Empty);
    }

    [Test]
    public void NamesAreUnique() =>
        Assert.That(s_kernels.Value.SelectMany(module => module.Value).GroupBy(name => name).Where(names => names.Count() > 1).Select(names => names.Key), Is.Empty);

    [Test]
    public void EveryOpHasItsKernels()
    {
        // An op's own names are literals in its source: relu is relu_forward and relu_backward in elementwise.cu, adam is update_adam in update.cu.
        var names = s_kernels.Value.SelectMany(module => module.Value).ToHashSet();
        Assert.That(Ops().Where(op => !names.Any(name => name.Split('_').Length > 0 && (name.StartsWith(op.Kernel + "_", StringComparison.Ordinal) || name.EndsWith("_" + op.Kernel, StringComparison.Ordinal))))
            .Select(op => $"{op.Kernel} ({op.File})"), Is.Empty);
    }

    // Get("conv2d", "conv2d_forward"), and Get("elementwise", $"{TOp.Kernel}_forward") for every op that TOp can be. Names that are computed in other ways are not seen here.
    private static IEnumerable<(string Module, string Name, string File)> AskedFor()
    {
        foreach (var path in Directory.GetFiles(Path.Combine(Required.Repository(), "src", "RawDL.Cuda"), "*.cs"))
        {
            var text = File.ReadAllText(path);
            foreach (Match get in Get().Matches(text))
            {
                var (module, name, file) = (get.Groups["module"].Value, get.Groups["name"].Value, Path.GetFileName(path));
                if (get.Groups["computed"].Length == 0)
                {
                    yield return (module, name, file);
                    continue;
                }
                var hole = Hole().Match(name);
                if (Hole().Count(name) != 1) continue;
                // The method's constraint says which ops it is for.
                var kind = file.Contains("Update", StringComparison.Ordinal) ? "IUpdateRule" : text[..get.Index].LastIndexOf("Binary", StringComparison.Ordinal) > text[..get.Index].LastIndexOf("Unary", StringComparison.Ordinal) ? "IBinaryOp" : "IUnaryOp";
                foreach (var op in Ops().Where(op => op.Kind == kind)) yield return (module, name.Replace(hole.Value, op.Kernel), file);
            }
        }
    }

    private static IEnumerable<(string Kind, string Kernel, string File)> Ops() =>
        from folder in new[] { "src/RawDL/Ops", "src/RawDL.NN/Optimizers" }
        from path in Directory.GetFiles(Path.Combine(Required.Repository(), folder), "*.cs")
        let text = File.ReadAllText(path)
        from Match op in Op().Matches(text)
        let kind = Kind().Match(text)
        where kind.Success
        select (kind.Value, op.Groups["name"].Value, Path.GetFileName(path));

    // As the preprocessor leaves them: rows of macros are kernels by then.
    private static Dictionary<string, string[]> ReadKernels()
    {
        var folder = Directory.CreateTempSubdirectory("rawdl-").FullName;
        ModuleSource.Embedded.WriteTo(folder);
        var kernels = ModuleSource.Embedded.Modules.ToDictionary(module => module, module =>
        {
            using var process = Process.Start(new ProcessStartInfo("g++", ["-E", "-P", "-x", "c++", "-std=c++17", "-I", "kernels", $"kernels/{module}.cu"]) { WorkingDirectory = folder, RedirectStandardOutput = true })!;
            return Entry().Matches(process.StandardOutput.ReadToEnd()).Select(entry => entry.Groups["name"].Value).ToArray();
        });
        Directory.Delete(folder, recursive: true);
        return kernels;
    }

    [GeneratedRegex(@"\bGet\(""(?<module>\w+)"",\s*(?<computed>\$?)""(?<name>[^""]+)""")]
    private static partial Regex Get();

    [GeneratedRegex(@"\{[^}]+\}")]
    private static partial Regex Hole();

    [GeneratedRegex(@"static string Kernel => ""(?<name>\w+)""")]
    private static partial Regex Op();

    [GeneratedRegex("IUnaryOp|IBinaryOp|IUpdateRule")]
    private static partial Regex Kind();

    [GeneratedRegex(@"__global__\s+void\s+__launch_bounds__\([^()]*(\([^()]*\)[^()]*)*\)\s+(?<name>\w+)\s*\(")]
    private static partial Regex Entry();
}
