using System.Text;

namespace RawDL.Spark;

/// <summary>Cuts bytes into lines of UTF-8; a longer line becomes several.</summary>
internal sealed class LineCutter(int maximum, Action<string> say)
{
    private readonly List<byte> _line = [];

    /// <summary>Takes what came; nothing means the end.</summary>
    internal void Take(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty && _line.Count > 0) End();
        foreach (var value in bytes)
        {
            if (value != '\n') _line.Add(value);
            if (value == '\n' || _line.Count == maximum) End();
        }
    }

    private void End()
    {
        var text = Encoding.UTF8.GetString([.. _line]).TrimEnd('\r');
        _line.Clear();
        say(text);
    }
}
