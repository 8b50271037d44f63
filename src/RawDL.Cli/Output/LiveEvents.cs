using System.Diagnostics;
using System.Globalization;
using RawDL.NN;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace RawDL.Cli;

/// <summary>Progress for a person at a terminal: a table with a row per evaluation, and below it the bar of the run.</summary>
/// <remarks>The library's live display runs its work as a callback, so the training runs inside <see cref="Watch{T}"/>.</remarks>
internal sealed class LiveEvents(Session session) : IRunEvents
{
    private static readonly TimeSpan Redraw = TimeSpan.FromMilliseconds(100);
    private const int BarWidth = 30;
    private const int VisibleRows = 12;

    private readonly IAnsiConsole _terminal = session.CreateTerminal();
    private readonly Stopwatch _sinceDrawn = Stopwatch.StartNew();
    private readonly List<string[]> _rows = [];
    private readonly List<string> _notes = [];
    private LiveDisplayContext? _display;
    private EpochProgress? _epoch;
    private int _epochs;
    private string _line = "";

    public T Watch<T>(Func<T> work) => _terminal.Live(new Text("")).AutoClear(false).Start(display =>
    {
        _display = display;
        try
        {
            return work();
        }
        finally
        {
            _line = "";
            Draw();
        }
    });

    public void Started(RunStart start)
    {
        _epochs = start.Epochs;
        _notes.Add(ProgressText.Start(start));
        Draw();
    }

    public void Stepped(in StepProgress progress)
    {
        if (_sinceDrawn.Elapsed < Redraw) return;
        var done = progress.TotalSteps == 0 ? 1 : (double)progress.Step / progress.TotalSteps;
        var filled = (int)(done * BarWidth);
        _line = string.Create(CultureInfo.InvariantCulture,
            $"{new string('━', filled)}{new string('╌', BarWidth - filled)} {done:P0}  epoch {progress.Epoch}/{_epochs}  loss {progress.EpochLoss:F4}  {progress.ImagesPerSecond:F0} images/s  {ProgressText.Duration(progress.Remaining)} left");
        Draw();
    }

    public void EpochEnded(EpochProgress epoch) => _epoch = epoch;

    public void Evaluated(int epoch, long step, Evaluation evaluation, bool best)
    {
        var ended = _epoch is { } e && e.Epoch == epoch && e.Step == step ? e : null;
        _rows.Add(
        [
            $"{epoch}/{_epochs}", Number(ended?.TrainLoss, "F4"), Number(evaluation.Loss, "F4"),
            double.IsNaN(evaluation.Accuracy) ? "" : evaluation.Accuracy.ToString("P2", CultureInfo.InvariantCulture),
            Number(ended?.ImagesPerSecond, "F0"), Number(ended?.Seconds, "F1"), best ? "best" : "",
        ]);
        Draw();
    }

    public void Warned(string message)
    {
        _notes.Add($"warning: {message}");
        Draw();
    }

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "";

    private void Draw()
    {
        var table = new Table().Border(TableBorder.Rounded);
        foreach (var heading in (string[])["epoch", "loss", "test loss", "accuracy", "images/s", "seconds", ""])
            table.AddColumn(new TableColumn(new Text(heading)).RightAligned());
        // A table taller than the screen cannot be redrawn in place.
        foreach (var row in _rows.Skip(Math.Max(0, _rows.Count - VisibleRows))) table.AddRow(row.Select(cell => (IRenderable)new Text(cell)).ToArray());
        var parts = _notes.Select(note => (IRenderable)new Text(note)).ToList();
        if (_rows.Count > 0) parts.Add(table);
        if (_line.Length > 0) parts.Add(new Text(_line));
        _display?.UpdateTarget(new Rows(parts));
        _sinceDrawn.Restart();
    }
}
