namespace RawDL.NN;

/// <summary>How far the download of one file is.</summary>
/// <param name="File">Name of the file.</param>
/// <param name="Bytes">Bytes received so far.</param>
/// <param name="TotalBytes">Bytes of the whole file.</param>
public readonly record struct DownloadProgress(string File, long Bytes, long TotalBytes);
