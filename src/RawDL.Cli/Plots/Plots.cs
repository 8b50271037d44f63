using ScottPlot;

namespace RawDL.Cli;

/// <summary>Pictures of a run: each as PNG, and as SVG beside it.</summary>
internal static class Plots
{
    /// <summary>Writes <paramref name="pngPath"/> and the same name with .svg.</summary>
    public static void Save(string pngPath, Action<Plot> draw, int width, int height)
    {
        PlotLibrary.Load();
        PlotFont.Install();
        using var plot = new Plot();
        plot.Font.Set(PlotFont.Family);
        draw(plot);
        File.WriteAllBytes(pngPath, plot.GetImageBytes(width, height, ImageFormat.Png));
        File.WriteAllText(Path.ChangeExtension(pngPath, ".svg"), plot.GetSvgXml(width, height));
    }
}
