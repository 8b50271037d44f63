using System.Globalization;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary>One line per file and ten percent: few enough for a log, enough to see that something moves.</summary>
internal sealed class DownloadLines(Session session) : IProgress<DownloadProgress>
{
    private string _file = "";
    private long _tenths = -1;

    public void Report(DownloadProgress value)
    {
        var tenths = value.TotalBytes > 0 ? 10 * value.Bytes / value.TotalBytes : 0;
        if (value.File == _file && tenths == _tenths) return;
        (_file, _tenths) = (value.File, tenths);
        session.Say(string.Create(CultureInfo.InvariantCulture, $"{value.File}: {10 * tenths} % of {value.TotalBytes / 1e6:F1} MB"));
    }
}
