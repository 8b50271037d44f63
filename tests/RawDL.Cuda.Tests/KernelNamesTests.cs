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
        var missing = from get in Files().SelectMany(file => Get().Matches(file.Text).Select(match => (file.Name, Match: match)))
                      let module = get.Match.Groups["module"].Value
                      from Match name in Literal().Matches(get.Match.Groups["names"].Value)
                      where !s_kernels.Value.TryGetValue(module, out var names) || !names.Contains(name.Groups[1].Value)
                      select $"{get.Name}: {module}.cu, {name.Groups[1].Value}";
        Assert.That(missing, Is.Empty);
        Assert.That(Files().Sum(file => Get().Count(file.Text)), Is.GreaterThan(20), "the pattern still finds the calls");
    }

    [Test]
    public void EveryNameInTheDeviceIsAKernelOrAModule()
    {
        // A name that reaches Get through a variable or a table stands as a literal all the same, or is put together from literals.
        var known = s_kernels.Value.Keys.Concat(Names).ToArray();
        Assert.That(Files().SelectMany(file => Literal().Matches(file.Text).Select(match => match.Groups[1].Value).Where(name => name.Contains('_') && !known.Any(kernel => kernel.Contains(name, StringComparison.Ordinal))).Select(name => $"{file.Name}: {name}")), Is.Empty);
    }

    [Test]
    public void EveryOpHasItsKernels()
    {
        // $"{TOp.Kernel}_backward_left" is asked for with every op that its type parameter allows.
        var missing = from file in Files()
                      from Match template in Template().Matches(file.Text)
                      let kind = Constraint(file.Text, template)
                      from op in Ops()
                      where op.Kind == kind
                      let name = template.Groups["before"].Value + op.Kernel + template.Groups["after"].Value
                      where !Names.Contains(name)
                      select $"{file.Name}: {name} of {op.File}";
        Assert.That(missing, Is.Empty);
        Assert.That(Ops().Where(op => op.Kind == "IUpdateRule" && !Names.Contains(op.Kernel)).Select(op => $"{op.Kernel} of {op.File}"), Is.Empty);
        Assert.That(Ops().GroupBy(op => op.Kind).Select(kind => kind.Count()), Has.All.GreaterThan(3), "the pattern still finds the ops");
    }

    [Test]
    public void EveryMatrixProductOfTheTableExists() =>
        Assert.That(GemmTable.Rows.SelectMany(row => row.Names.Where(name => !s_kernels.Value[row.Module].Contains(name))), Is.Empty);

    [Test]
    public void NamesAreUnique() =>
        Assert.That(s_kernels.Value.SelectMany(module => module.Value).GroupBy(name => name).Where(names => names.Count() > 1).Select(names => names.Key), Is.Empty);

    private static IEnumerable<string> Names => s_kernels.Value.SelectMany(module => module.Value);

    private static IEnumerable<(string Name, string Text)> Files() =>
        Directory.GetFiles(Path.Combine(Required.Repository(), "src", "RawDL.Cuda"), "CudaDevice*.cs").Select(path => (Path.GetFileName(path), File.ReadAllText(path)));

    // The constraint of the type or method that the template stands in: the nearest one above, or below for a member before it.
    private static string Constraint(string text, Match template)
    {
        var kinds = Kind().Matches(text);
        return (kinds.LastOrDefault(kind => kind.Index < template.Index) ?? kinds.FirstOrDefault())?.Value ?? "IUnaryOp";
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
            using var process = Process.Start(new ProcessStartInfo("g++", ["-E", "-P", "-D__CUDA_ARCH__=900", "-D__CUDA_ARCH_FEAT_SM90_ALL", "-x", "c++", "-std=c++17", "-I", "kernels", $"kernels/{module}.cu"]) { WorkingDirectory = folder, RedirectStandardOutput = true })!;
            return Entry().Matches(process.StandardOutput.ReadToEnd()).Select(entry => entry.Groups["name"].Value).ToArray();
        });
        Directory.Delete(folder, recursive: true);
        return kernels;
    }

    // Get("layer_norm", length <= WarpRow ? "layer_norm_forward_warp" : "layer_norm_forward_block")
    [GeneratedRegex(@"\bGet\(""(?<module>\w+)"",(?<names>[^()]*)\)")]
    private static partial Regex Get();

    [GeneratedRegex(@"(?<!\$)""([a-z][a-z0-9_]*)""")]
    private static partial Regex Literal();

    [GeneratedRegex(@"\$""(?<before>[a-z0-9_]*)\{T\w+\.Kernel\}(?<after>[a-z0-9_]*)""|T\w+\.Kernel \+ ""(?<after>\w+)""")]
    private static partial Regex Template();

    [GeneratedRegex(@"static string Kernel => ""(?<name>\w+)""")]
    private static partial Regex Op();

    [GeneratedRegex("IUnaryOp|IBinaryOp|IUpdateRule")]
    private static partial Regex Kind();

    [GeneratedRegex(@"__global__\s+void\s+(__cluster_dims__\([^()]*\)\s+)?__launch_bounds__\([^()]*(\([^()]*\)[^()]*)*\)\s+(?<name>\w+)\s*\(")]
    private static partial Regex Entry();
}
