using System.Xml.Linq;
using RawDL.NN;

namespace RawDL.Cli.Tests;

/// <summary>The pictures of a run: valid files, with text in the program's own font.</summary>
public sealed class PlotTests
{
    private string _folder = "";

    [SetUp]
    public void Create() => _folder = Directory.CreateTempSubdirectory("rawdl-plots-").FullName;

    [TearDown]
    public void Delete() => Directory.Delete(_folder, recursive: true);

    [TestCase(2)]
    [TestCase(10)]
    [TestCase(100)]
    public void Confusion_matrix_is_drawn(int classes)
    {
        var random = new RandomStream(1, 1);
        var counts = new long[classes * classes];
        for (var i = 0; i < counts.Length; i++) counts[i] = i / classes == i % classes ? 95 : random.NextInt(3);
        var names = Enumerable.Range(0, classes).Select(c => $"клас {c}").ToArray();
        var path = Path.Combine(_folder, "confusion.png");
        ConfusionPlot.Save(path, new Evaluation(names, counts, [], 12.5, counts.Sum()));
        Check(path, "right");
    }

    private static void Check(string path, string text)
    {
        Assert.That(File.ReadAllBytes(path)[..8], Is.EqualTo(new byte[] { 0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A }));
        var svg = XDocument.Load(Path.ChangeExtension(path, ".svg"));
        var words = svg.Descendants().Where(e => e.Name.LocalName == "text").ToList();
        Assert.That(words.Any(e => e.Value.Contains(text)), Is.True);
        Assert.That(words.Select(e => (string?)e.Attribute("font-family")).Distinct(), Is.EqualTo(new[] { PlotFont.Family }));
    }
}
