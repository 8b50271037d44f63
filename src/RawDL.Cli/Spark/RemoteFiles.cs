using RawDL.Spark;

namespace RawDL.Cli;

/// <summary>Hadoop's file systems through the driver's JVM. What fails there is an <see cref="IOException"/> of one line.</summary>
internal sealed class RemoteFiles(HadoopFiles files) : IRemoteFiles
{
    public bool Exists(string path) => Try(path, "to look for it", () => files.Exists(path));

    public bool IsFolder(string path) => Try(path, "to look for a folder", () => files.IsFolder(path));

    public IReadOnlyList<HadoopFile> List(string path) => Try(path, "to list the folder", () => files.List(path));

    public void CreateFolder(string path) => Try(path, "to make the folder", () => files.CreateFolder(path));

    public void Upload(string localPath, string path) => Try(path, "to write the file", () => files.Upload(localPath, path));

    public void Download(string path, string localPath) => Try(path, "to read the file", () => files.Download(path, localPath));

    public void Replace(string source, string destination) => Try(destination, "to put the new file in place", () => files.Replace(source, destination));

    public void Delete(string path) => Try(path, "to delete the file", () => files.Delete(path));

    public void Dispose() => files.Dispose();

    private static void Try(string path, string what, Action action) => Try(path, what, () =>
    {
        action();
        return true;
    });

    private static T Try<T>(string path, string what, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (JavaException refused)
        {
            throw new IOException($"{Message.OneLine(path, 300)}: expected {what}, got {refused.Message}", refused);
        }
    }
}
