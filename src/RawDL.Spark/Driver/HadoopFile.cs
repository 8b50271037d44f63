namespace RawDL.Spark;

/// <summary>An entry of a folder.</summary>
/// <param name="Path">With scheme and host.</param>
/// <param name="Length">Bytes; 0 for a folder.</param>
/// <param name="IsFolder">A folder or a file.</param>
/// <param name="Modified">UTC.</param>
public readonly record struct HadoopFile(string Path, long Length, bool IsFolder, DateTime Modified);
