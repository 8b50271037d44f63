using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>The few steps on another file system that a mirrored folder is made of.</summary>
internal interface IRemoteFiles : IDisposable
{
    /// <summary>True if there is a file or folder.</summary>
    bool Exists(string path);

    /// <summary>True if there is a folder.</summary>
    bool IsFolder(string path);

    /// <summary>What a folder holds.</summary>
    IReadOnlyList<HadoopFile> List(string path);

    /// <summary>Makes a folder and those above it.</summary>
    void CreateFolder(string path);

    /// <summary>Copies a local file there and waits until it is safe.</summary>
    void Upload(string localPath, string path);

    /// <summary>Copies a file to a local one.</summary>
    void Download(string path, string localPath);

    /// <summary>Gives a file another name in place of what had it.</summary>
    void Replace(string source, string destination);

    /// <summary>Removes a file.</summary>
    void Delete(string path);
}
