using Microsoft.Win32.SafeHandles;

namespace RawDL.NN;

/// <summary>Opens files that others wrote: regular files with content only, so a pipe or a device cannot block or never end.</summary>
internal static class InputFile
{
    /// <summary>Opens a file for reading and tells its length in bytes.</summary>
    /// <exception cref="RawFileException">The file is missing, is a directory, is unreadable or is empty.</exception>
    internal static SafeFileHandle Open(string path, out long length)
    {
        try
        {
            var file = new FileInfo(path);
            // The length of a link is its own, so what it leads to is asked.
            if (file.LinkTarget is not null && Follow(file, path) is FileInfo target) file = target;
            if (!file.Exists)
                throw new RawFileException(path, null, Directory.Exists(path) ? "expected a file, got a directory" : "expected a file, got nothing at this path");
            // Pipes, devices and /proc report length 0. Refusing them before open(2) matters: opening a pipe waits for its writer.
            if (file.Length == 0) throw new RawFileException(path, 0, "expected a file with content, got 0 bytes");
            var handle = File.OpenHandle(path);
            length = RandomAccess.GetLength(handle);
            return handle;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new RawFileException(path, null, "expected a readable file, got no permission to read it", e);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException or FileNotFoundException or DirectoryNotFoundException or PathTooLongException)
        {
            throw new RawFileException(path, null, "expected a file, got a path that names none", e);
        }
    }

    private static FileSystemInfo? Follow(FileInfo link, string path)
    {
        try
        {
            return link.ResolveLinkTarget(returnFinalTarget: true);
        }
        catch (IOException e)
        {
            throw new RawFileException(path, null, "expected a file, got links that lead nowhere", e);
        }
    }

    /// <summary>Reads bytes from <paramref name="offset"/> until the destination is full.</summary>
    /// <exception cref="RawFileException">The file ends early.</exception>
    internal static void ReadExactly(SafeFileHandle handle, Span<byte> destination, long offset, string path)
    {
        while (destination.Length > 0)
        {
            var count = RandomAccess.Read(handle, destination, offset);
            if (count == 0) throw new RawFileException(path, offset, $"expected {destination.Length} more bytes, got the end of the file");
            destination = destination[count..];
            offset += count;
        }
    }

    /// <summary>Reads a whole file of less than 2 GiB.</summary>
    /// <exception cref="RawFileException">The file cannot be opened, is empty, is too long or ends early.</exception>
    internal static byte[] ReadAll(string path)
    {
        using var handle = Open(path, out var length);
        if (length > Array.MaxLength) throw new RawFileException(path, null, $"expected at most {Array.MaxLength} bytes, got {length}");
        var bytes = GC.AllocateUninitializedArray<byte>((int)length);
        ReadExactly(handle, bytes, 0, path);
        return bytes;
    }
}
