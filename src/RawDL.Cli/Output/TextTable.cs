using System.Text;

namespace RawDL.Cli;

/// <summary>A table of plain text, the same on a terminal and in a file.</summary>
/// <param name="headings">One per column; a leading '&gt;' aligns the column to the right.</param>
internal sealed class TextTable(params string[] headings)
{
    private readonly List<string[]> _rows = [];

    /// <summary>A row; an empty one draws a line.</summary>
    public void Add(params string[] cells) => _rows.Add(cells);

    public void Write(TextWriter output)
    {
        var widths = new int[headings.Length];
        for (var i = 0; i < widths.Length; i++)
        {
            widths[i] = headings[i].TrimStart('>').Length;
            foreach (var row in _rows)
                if (i < row.Length) widths[i] = Math.Max(widths[i], row[i].Length);
        }
        WriteRow(output, widths, headings.Select(h => h.TrimStart('>')).ToArray());
        var line = new string('-', widths.Sum() + 2 * (widths.Length - 1));
        output.WriteLine(line);
        foreach (var row in _rows)
        {
            if (row.Length == 0) output.WriteLine(line);
            else WriteRow(output, widths, row);
        }
    }

    private void WriteRow(TextWriter output, int[] widths, string[] cells)
    {
        var text = new StringBuilder();
        for (var i = 0; i < cells.Length; i++)
        {
            if (i > 0) text.Append("  ");
            text.Append(headings[i].StartsWith('>') ? cells[i].PadLeft(widths[i]) : cells[i].PadRight(widths[i]));
        }
        output.WriteLine(text.ToString().TrimEnd());
    }
}
