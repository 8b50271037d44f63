namespace RawDL.NN;

/// <summary>A file of a public data set, as its mirrors serve it.</summary>
/// <param name="Name">Its name, on the mirrors and on disk.</param>
/// <param name="Bytes">Its length in bytes.</param>
/// <param name="Sha256">SHA-256 of its content, 64 lowercase hexadecimal digits.</param>
public sealed record DatasetFile(string Name, long Bytes, string Sha256);
