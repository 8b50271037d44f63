namespace RawDL.NN;

/// <summary>A run folder that cannot be used as asked: it holds another run, or none.</summary>
public sealed class RunFolderException : IOException
{
    /// <summary>Creates the exception with one line that names the folder.</summary>
    public RunFolderException(string message) : base(message) { }
}
