using System.Globalization;
using RawDL.NN;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace RawDL.Cli;

/// <summary>The confusion matrix: a row per label, coloured by the share of the row, with counts while there is room.</summary>
internal static class ConfusionPlot
{
    private const int MaximumNumbered = 20;
    private const int MaximumNamed = 60;

    public static void Save(string pngPath, Evaluation evaluation)
    {
        var size = Math.Clamp(220 + 58 * evaluation.Classes, 420, 1400);
        Plots.Save(pngPath, plot => Draw(plot, evaluation), size + 60, size);
    }

    private static void Draw(Plot plot, Evaluation evaluation)
    {
        var classes = evaluation.Classes;
        var share = new double[classes, classes];
        for (var label = 0; label < classes; label++)
        {
            var support = Math.Max(1, evaluation.PerClass[label].Support);
            for (var predicted = 0; predicted < classes; predicted++) share[label, predicted] = (double)evaluation.Confusion(label, predicted) / support;
        }
        var map = plot.Add.Heatmap(share);
        map.Colormap = new ScottPlot.Colormaps.Blues().Reversed();
        map.ManualRange = new ScottPlot.Range(0, 1);
        var bar = plot.Add.ColorBar(map);
        bar.Label = "share of the label";
        if (classes <= MaximumNumbered) AddCounts(plot, evaluation, share);
        plot.Title(string.Create(CultureInfo.InvariantCulture, $"Confusion matrix: {evaluation.Accuracy:P2} of {evaluation.Count} right"));
        plot.XLabel("predicted");
        plot.YLabel("label");
        if (classes <= MaximumNamed)
        {
            var positions = Enumerable.Range(0, classes).Select(i => (double)i).ToArray();
            plot.Axes.Bottom.TickGenerator = new NumericManual(positions, [.. evaluation.ClassNames]);
            // The first row of a heat map is drawn at the top.
            plot.Axes.Left.TickGenerator = new NumericManual(positions.Reverse().ToArray(), [.. evaluation.ClassNames]);
        }
        plot.HideGrid();
        plot.Axes.SetLimits(-0.5, classes - 0.5, -0.5, classes - 0.5);
    }

    private static void AddCounts(Plot plot, Evaluation evaluation, double[,] share)
    {
        for (var label = 0; label < evaluation.Classes; label++)
            for (var predicted = 0; predicted < evaluation.Classes; predicted++)
            {
                if (evaluation.Confusion(label, predicted) is not (> 0 and var count)) continue;
                var text = plot.Add.Text(count.ToString(CultureInfo.InvariantCulture), predicted, evaluation.Classes - 1 - label);
                text.LabelAlignment = Alignment.MiddleCenter;
                text.LabelFontSize = 13;
                text.LabelFontName = PlotFont.Family;
                text.LabelFontColor = share[label, predicted] > 0.5 ? Colors.White : Colors.Black;
            }
    }
}
