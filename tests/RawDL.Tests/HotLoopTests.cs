using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using System.Text.RegularExpressions;

namespace RawDL.Tests;

/// <summary>The inner loops of the processor's kernels as the JIT makes them: on registers, without a spilled vector and without a call.</summary>
internal sealed partial class HotLoopTests
{
    private const string Update = "UpdateChunk";

    private static ILookup<string, string> s_listings = null!;

    // Kernel, and the multiply-adds of one turn of its inner loop.
    private static IEnumerable<TestCaseData> Kernels()
    {
        if (Avx512F.IsSupported)
        {
            yield return new("MultiplyAvx512", 16);
            yield return new("Rows8", 16);
            yield return new("AddRowLanes", 40);
            yield return new("Segments8Avx512", 16);
            yield return new("Segments4Avx512", 8);
        }
        else if (Fma.IsSupported)
        {
            yield return new("MultiplyAvx2", 12);
            yield return new("Rows6", 12);
            yield return new("Rows6Even", 48);
            yield return new("Segments6Avx2", 12);
            yield return new("Segments4Avx2", 8);
        }
        if (!Fma.IsSupported) yield break;
        yield return new("Rows4", 8);
        yield return new("SumRow", 8);
        yield return new("Rows8Narrow", 8);
        yield return new("AddRuns120", 15);
        yield return new("AddRuns64", 8);
        yield return new("AddRuns32", 4);
        yield return new("AddThinRuns", 10);
    }

    [OneTimeSetUp]
    public void Compile()
    {
        if (!Fma.IsSupported) Assert.Ignore("the loops are known for processors with FMA");
        var path = Path.GetTempFileName();
        var names = string.Join(' ', Kernels().Select(kernel => kernel.Arguments[0]).Append(Update));
        var start = new ProcessStartInfo(Environment.ProcessPath!, [Path.Combine(AppContext.BaseDirectory, "RawDL.KernelChild.dll")])
        {
            Environment = { ["DOTNET_TieredCompilation"] = "0", ["DOTNET_JitDisasm"] = names, ["DOTNET_JitStdOutFile"] = path },
        };
        using (var child = Process.Start(start)!)
        {
            child.WaitForExit();
            Assert.That(child.ExitCode, Is.Zero);
        }
        s_listings = ListingOf().Matches(File.ReadAllText(path)).ToLookup(match => match.Groups["name"].Value, match => match.Groups["code"].Value);
        File.Delete(path);
    }

    [TestCaseSource(nameof(Kernels))]
    public void The_inner_loop_multiplies_and_adds_in_registers(string kernel, int multiplyAdds)
    {
        Assert.That(s_listings[kernel], Is.Not.Empty);
        foreach (var listing in s_listings[kernel])
        {
            var loop = InnerLoop(listing, MultiplyAdd());
            Assert.That(MultiplyAdd().Count(loop), Is.EqualTo(multiplyAdds), loop);
            StaysInRegisters(loop);
        }
    }

    // Ten rules, each with nothing but a scale, with decay, and with all that regularises.
    private static IEnumerable<int> Updates() => Fma.IsSupported ? [30] : [];

    [TestCaseSource(nameof(Updates))]
    public void Optimizers_update_in_registers(int loops)
    {
        Assert.That(s_listings[Update].Count(), Is.GreaterThanOrEqualTo(loops));
        foreach (var listing in s_listings[Update]) StaysInRegisters(InnerLoop(listing, Multiply()));
    }

    private static void StaysInRegisters(string loop)
    {
        Assert.That(SpilledVector().Matches(loop).Select(match => match.Value), Is.Empty, loop);
        Assert.That(loop, Does.Not.Match(@"\bcall\b"));
    }

    // From the target of the shortest backward jump that has the instruction before it, to the jump.
    private static string InnerLoop(string code, Regex instruction)
    {
        var best = code;
        foreach (Match jump in Jump().Matches(code))
        {
            var target = code.IndexOf($"{jump.Groups["target"].Value}:", StringComparison.Ordinal);
            if (target < 0 || target > jump.Index) continue;
            var loop = code[target..jump.Index];
            if (instruction.IsMatch(loop) && loop.Length < best.Length) best = loop;
        }
        return best;
    }

    [GeneratedRegex(@"; Assembly listing for method RawDL\.CpuDevice:(?<name>\w+)(\[[^(]*\])?\((?<code>.*?)(?=; Total bytes of code)", RegexOptions.Singleline)]
    private static partial Regex ListingOf();

    [GeneratedRegex(@"\sj[a-z]+\s+(SHORT\s+)?(?<target>G_M\w+)")]
    private static partial Regex Jump();

    [GeneratedRegex(@"\bvfn?madd\d+ps\b")]
    private static partial Regex MultiplyAdd();

    [GeneratedRegex(@"\bvmulps\b")]
    private static partial Regex Multiply();

    [GeneratedRegex(@".*[xyz]mmword ptr \[r[sb]p.*")]
    private static partial Regex SpilledVector();
}
