using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace RawDL.Cuda.Tests;

/// <summary>The structs that launches pass by value are the same bytes on both sides: size, and fields by order and name.</summary>
internal sealed partial class GeometryTests
{
    [TestCaseSource(nameof(Mirrors))]
    public void MirrorsTheKernels(string name, int bytes, string[] fields)
    {
        var type = new[] { typeof(Device).Assembly, typeof(CudaDevice).Assembly, typeof(RawDL.NN.Trainer).Assembly }.SelectMany(assembly => assembly.GetTypes())
            .FirstOrDefault(type => type.Name == name && type.IsValueType);
        Assert.That(type, Is.Not.Null, $"expected a struct {name} in C#");
        var size = typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type!).Invoke(null, null);
        var mirrored = type!.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).OrderBy(field => System.Runtime.InteropServices.Marshal.OffsetOf(type, field.Name))
            .Select(field => Snake(Backing().Match(field.Name) is { Success: true } match ? match.Groups[1].Value : field.Name)).ToArray();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(size, Is.EqualTo(bytes));
            Assert.That(mirrored, Is.EqualTo(fields));
        }
    }

    private static IEnumerable<TestCaseData> Mirrors() =>
        from header in ModuleSource.Embedded.Headers
        from Match asserted in Asserted().Matches(header.Value)
        let name = asserted.Groups["name"].Value
        let body = Regex.Match(header.Value, $@"struct (alignas\(\d+\) )?{name}\s*\{{(?<body>[^}}]*)\}}").Groups["body"].Value
        // int a, b; -> a b. What the compiler adds to reach the alignment has no name on either side.
        let fields = body.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(line => Comment().Replace(line, "").Trim().Split(',', StringSplitOptions.TrimEntries)).Select(field => field.Split(' ', '*')[^1]).Where(field => field.Length > 0).ToArray()
        select new TestCaseData(name, int.Parse(asserted.Groups["bytes"].Value), fields) { TestName = $"{nameof(MirrorsTheKernels)}({name})" };

    private static string Snake(string name) => Words().Replace(name.TrimStart('_'), "$1_$2").ToLowerInvariant();

    [GeneratedRegex(@"static_assert\(sizeof\((?<name>\w+)\) == (?<bytes>\d+), ""as in (?:Geometry|\w+)\.cs""")]
    private static partial Regex Asserted();

    [GeneratedRegex("<(.+)>k__BackingField")]
    private static partial Regex Backing();

    [GeneratedRegex("([a-z0-9])([A-Z])")]
    private static partial Regex Words();

    [GeneratedRegex(@"//.*")]
    private static partial Regex Comment();
}
