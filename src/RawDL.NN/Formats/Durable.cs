using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace RawDL.NN;

/// <summary>
/// The one writer of files that must survive a crash: a new file beside the old one is written, synced, renamed over it, and the directory
/// is synced. Until the rename the old file is untouched, so at every moment the path holds the old content or the new one, whole.
/// A process killed meanwhile leaves a file <c>.rawdl-….tmp</c>, which nothing reads and which may be deleted.
/// </summary>
/// <remarks>
/// <c>FileStream.Flush(true)</c> of .NET 10.0.12 returns normally when fsync(2) fails, so fsync is called directly on Unix. A failed fsync is
/// never tried again: Linux marks the lost pages clean, and a second call would report success (Rebello et al., "Can Applications Recover
/// from fsync Failures?", USENIX ATC 2020).
/// </remarks>
public static partial class Durable
{
    // Linux: O_RDONLY | O_CLOEXEC. macOS has another value for O_CLOEXEC; without it the descriptor may only leak into a child for a moment.
    private static readonly int OpenDirectory = OperatingSystem.IsLinux() ? 0x80000 : 0;
    private const int NotSupportedForThisFile = 22;  // EINVAL, the same value on Linux and macOS
    private const int BufferBytes = 64 * 1024;

    /// <summary>Replaces the file at <paramref name="path"/> with what <paramref name="write"/> writes, or leaves it as it was.</summary>
    /// <param name="path">The file. Its directory must exist.</param>
    /// <param name="write">Writes the content. Its own exceptions pass through after the temporary file is gone.</param>
    /// <param name="length">The length in bytes when known: the space is reserved first, so a full disk shows before anything is written. 0 otherwise.</param>
    /// <exception cref="IOException">
    /// Anything failed; the text of the system's error is in the message. The old file is unchanged, unless the message says that only the
    /// directory could not be synced: then the new file is in place, but a power loss may bring the old one back.
    /// </exception>
    public static void Write(string path, Action<Stream> write, long length = 0) =>
        Write(path, Path.Combine(Folder(path), $".rawdl-{Guid.NewGuid():N}.tmp"), write, length);

    /// <summary>Replaces the file at <paramref name="path"/> with these bytes, or leaves it as it was.</summary>
    /// <exception cref="IOException">As for <see cref="Write(string, Action{Stream}, long)"/>.</exception>
    public static void WriteAllBytes(string path, ReadOnlyMemory<byte> bytes) => Write(path, stream => stream.Write(bytes.Span), bytes.Length);

    /// <summary>Creates a directory and its missing parents, so that they survive a power loss.</summary>
    /// <exception cref="IOException">A directory could not be made or synced.</exception>
    public static void CreateDirectory(string path)
    {
        var full = Path.GetFullPath(path);
        if (Directory.Exists(full)) return;
        if (Path.GetDirectoryName(full) is not { } parent) return;
        CreateDirectory(parent);
        try
        {
            Directory.CreateDirectory(full);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{RawFileException.OneLine(path)}: expected to create the directory, got {RawFileException.OneLine(e.Message)}", e);
        }
        SyncDirectory(path, parent);
    }

    /// <summary>As the public form, with a chosen name for the temporary file: fault injection must know it beforehand.</summary>
    internal static void Write(string path, string temporary, Action<Stream> write, long length)
    {
        try
        {
            using var handle = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.None, length);
            using var stream = new FileStream(handle, FileAccess.Write, BufferBytes);
            write(stream);
            stream.Flush();
            Sync(stream, handle);
        }
        catch (Exception e)
        {
            Delete(temporary);
            if (e is RawFileException or not (IOException or UnauthorizedAccessException)) throw;
            throw new IOException($"{RawFileException.OneLine(path)}: expected to save the file, got {RawFileException.OneLine(e.Message)} (the previous file is unchanged)", e);
        }
        try
        {
            Rename(temporary, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Delete(temporary);
            throw new IOException($"{RawFileException.OneLine(path)}: expected to put the new file in place, got {RawFileException.OneLine(e.Message)} (the previous file is unchanged)", e);
        }
        SyncDirectory(path, Folder(path));
    }

    private static string Folder(string path) => Path.GetDirectoryName(Path.GetFullPath(path)) ?? Path.GetFullPath(path);

    private static void Sync(FileStream stream, SafeFileHandle handle)
    {
        // On Windows the stream calls FlushFileBuffers and reports its errors; rename and directory need no further step there.
        if (OperatingSystem.IsWindows()) stream.Flush(flushToDisk: true);
        else if (SyncFile(handle) != 0) throw Failure("fsync");
    }

    private static void Rename(string temporary, string path)
    {
        // File.Move copies when rename(2) reports another file system; a copy is not atomic, so on Unix the call is made directly.
        if (OperatingSystem.IsWindows()) File.Move(temporary, path, overwrite: true);
        else if (RenameFile(temporary, path) != 0) throw Failure("rename");
    }

    private static void SyncDirectory(string path, string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        using var handle = OpenFile(folder, OpenDirectory);
        if (handle.IsInvalid) throw Unsynced("open", path, folder);
        // Some network file systems have no fsync for directories and say EINVAL: there is nothing further to do for them.
        if (SyncFile(handle) != 0 && Marshal.GetLastPInvokeError() != NotSupportedForThisFile) throw Unsynced("fsync", path, folder);
    }

    private static IOException Failure(string call) =>
        new($"{call}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())} (errno {Marshal.GetLastPInvokeError()})");

    private static IOException Unsynced(string call, string path, string folder) =>
        new($"{RawFileException.OneLine(path)}: expected to sync the directory {RawFileException.OneLine(folder)}, got {Failure(call).Message} (the new file is in place, but may not survive a power loss)");

    private static void Delete(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report; a temporary file left behind harms nothing.
        }
    }

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int SyncFile(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameFile(string from, string to);
}
