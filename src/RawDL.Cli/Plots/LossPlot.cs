using RawDL.NN;
using ScottPlot;

namespace RawDL.Cli;

/// <summary>Training and test loss by epoch, and the test accuracy on the right.</summary>
internal static class LossPlot
{
    public static void Save(string pngPath, LossHistory history) => Plots.Save(pngPath, plot => Draw(plot, history), 860, 520);

    private static void Draw(Plot plot, LossHistory history)
    {
        Add(plot, history.Training, point => point.Loss, "training loss", Colors.C0);
        Add(plot, history.Evaluation, point => point.Loss, "test loss", Colors.C1);
        if (Add(plot, history.Evaluation, point => point.Accuracy, "test accuracy", Colors.C2) is { } accuracy)
        {
            accuracy.Axes.YAxis = plot.Axes.Right;
            // Told apart by its marker: SVG files cannot hold dashes.
            accuracy.MarkerShape = MarkerShape.OpenCircle;
            plot.Axes.Right.Label.Text = "accuracy";
            plot.Axes.Right.Label.FontName = PlotFont.Family;
        }
        plot.Title("Loss");
        plot.XLabel("epoch");
        plot.YLabel("loss");
        plot.Legend.FontName = PlotFont.Family;
        plot.ShowLegend(Alignment.MiddleRight);
    }

    private static ScottPlot.Plottables.Scatter? Add(Plot plot, IReadOnlyList<LossPoint> points, Func<LossPoint, double> value, string name, Color color)
    {
        var finite = points.Where(point => double.IsFinite(value(point))).ToArray();
        if (finite.Length == 0) return null;
        var line = plot.Add.Scatter(finite.Select(point => point.Epoch).ToArray(), finite.Select(value).ToArray(), color);
        line.LegendText = name;
        line.LineWidth = 2;
        line.MarkerSize = finite.Length > 60 ? 0 : 6;
        return line;
    }
}
