using ScottPlot;
using SkiaSharp;

namespace RawDL.Cli;

/// <summary>The font inside the program, for every plot: a cluster node or a container often has no font at all, and then text would be missing.</summary>
internal sealed class PlotFont : IFontResolver
{
    public const string Family = "DejaVu Sans";

    private static SKTypeface? _typeface;

    /// <summary>Makes the font the default of all plots.</summary>
    public static void Install()
    {
        if (_typeface is not null) return;
        using var stream = typeof(PlotFont).Assembly.GetManifestResourceStream("DejaVuSans.ttf") ?? throw new InvalidOperationException("DejaVuSans.ttf is not in the program.");
        _typeface = SKTypeface.FromStream(stream);
        Fonts.FontResolvers.Insert(0, new PlotFont());
        Fonts.Default = Family;
    }

    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == Family ? _typeface : null;

    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) => fontName == Family ? _typeface : null;
}
