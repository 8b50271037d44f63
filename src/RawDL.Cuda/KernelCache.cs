using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace RawDL.Cuda;

/// <summary>Compiled kernels on disk, found by a hash of all that made them. A file is written whole or not at all, and one that does not match its own
/// hash is deleted. What lies here is executed: a folder that somebody else owns or may write to is not used.</summary>
internal sealed unsafe partial class KernelCache
{
    private const int FormatVersion = 1, HeaderBytes = 8 + 4 + 32 + 32 + 8;
    private static readonly TimeSpan s_life = TimeSpan.FromDays(60);

    private readonly Action<string>? _warn;
    private bool _pruned;

    private KernelCache(string? folder, Action<string>? warn) => (Folder, _warn) = (folder, warn);

    /// <summary>Null: nothing is kept.</summary>
    public string? Folder { get; private set; }

    /// <summary>RAWDL_CACHE, or rawdl/kernels in the user's cache folder. Without a folder that can be trusted there is one warning, and no cache.</summary>
    public static KernelCache Open(Action<string>? warn = null, string? folder = null)
    {
        try
        {
            folder ??= DefaultFolder();
            if (folder is null || Distrust(folder) is not { } reason) return new KernelCache(folder, warn);
            warn?.Invoke($"kernel cache: {reason}; kernels are compiled anew in every run");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            warn?.Invoke($"kernel cache: {e.Message}; kernels are compiled anew in every run");
        }
        return new KernelCache(null, warn);
    }

    /// <summary>Files of a folder that came with the program; it is never written to.</summary>
    public static KernelCache Prebuilt(string folder) => new(Directory.Exists(folder) ? folder : null, null) { _pruned = true };

    /// <summary>The image of that name and key; null where there is none.</summary>
    public byte[]? Read(string name, ReadOnlySpan<byte> key)
    {
        if (Folder is null) return null;
        var path = Path.Combine(Folder, name);
        try
        {
            if (!File.Exists(path)) return null;
            var bytes = File.ReadAllBytes(path);
            if (Image(bytes, key) is { } image)
            {
                // A file in use stays young.
                if (DateTime.UtcNow - File.GetLastWriteTimeUtc(path) > TimeSpan.FromDays(1) && !_pruned) File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
                return image;
            }
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Compiling again is always right.
        }
        return null;
    }

    /// <summary>The newest image whose name begins so and ends with .kernel.</summary>
    public byte[]? ReadNewest(string beginning, ReadOnlySpan<byte> key)
    {
        if (Folder is null) return null;
        foreach (var file in new DirectoryInfo(Folder).EnumerateFiles($"{beginning}*.kernel").OrderByDescending(file => file.LastWriteTimeUtc))
            if (Read(file.Name, key) is { } image) return image;
        return null;
    }

    /// <summary>Keeps an image: a temporary file, flushed to the disk, then renamed.</summary>
    public void Write(string name, ReadOnlySpan<byte> key, ReadOnlySpan<byte> image)
    {
        if (Folder is null) return;
        try
        {
            Prune();
            WriteFile(Folder, name, key, image);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _warn?.Invoke($"kernel cache: {e.Message}; kernels are compiled anew in every run");
            Folder = null;
        }
    }

    /// <summary>The same into any folder.</summary>
    public static void WriteFile(string folder, string name, ReadOnlySpan<byte> key, ReadOnlySpan<byte> image)
    {
        var temporary = Path.Combine(folder, $".{name}.{Environment.ProcessId}.{Guid.NewGuid():N}");
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var file = new FileStream(temporary, options))
            {
                file.Write("RAWDLK\r\n"u8);
                file.Write(BitConverter.GetBytes(FormatVersion));
                file.Write(key);
                file.Write(SHA256.HashData(image));
                file.Write(BitConverter.GetBytes((long)image.Length));
                file.Write(image);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, Path.Combine(folder, name), overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private static byte[]? Image(byte[] file, ReadOnlySpan<byte> key)
    {
        if (file.Length < HeaderBytes || !file.AsSpan(0, 8).SequenceEqual("RAWDLK\r\n"u8) || BitConverter.ToInt32(file, 8) != FormatVersion) return null;
        var image = file.AsSpan(HeaderBytes);
        return file.AsSpan(12, 32).SequenceEqual(key) && BitConverter.ToInt64(file, 76) == image.Length && file.AsSpan(44, 32).SequenceEqual(SHA256.HashData(image))
            ? image.ToArray()
            : null;
    }

    // Sources change while kernels are developed: what nothing has asked for in a long time goes.
    private void Prune()
    {
        if (_pruned) return;
        _pruned = true;
        foreach (var file in new DirectoryInfo(Folder!).EnumerateFiles("*.kernel*"))
        {
            // A temporary file of a process that was killed, or one of long ago.
            var life = file.Name.StartsWith('.') ? TimeSpan.FromDays(1) : s_life;
            if (DateTime.UtcNow - file.LastWriteTimeUtc > life) file.Delete();
        }
    }

    private static string? DefaultFolder()
    {
        if (Environment.GetEnvironmentVariable("RAWDL_CACHE") is { Length: > 0 } own) return Path.GetFullPath(own);
        var user = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (!Path.IsPathRooted(user))
        {
            var home = Environment.GetFolderPath(OperatingSystem.IsWindows() ? Environment.SpecialFolder.LocalApplicationData : Environment.SpecialFolder.UserProfile);
            if (home.Length == 0) return null;
            user = OperatingSystem.IsWindows() ? home : Path.Combine(home, ".cache");
        }
        return Path.Combine(user!, "rawdl", "kernels");
    }

    /// <summary>Why the folder cannot be used; null where it can. It is created when missing, for its owner alone.</summary>
    private static string? Distrust(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return null;
        }
        if (!Directory.Exists(folder)) Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var mode = File.GetUnixFileMode(folder);
        if ((mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0) return $"expected a folder that only its owner may write to, got {folder} with mode {Convert.ToString((int)mode, 8)}";
        var owner = Owner(folder);
        return owner is { } other && other != EffectiveUser() ? $"expected a folder of user {EffectiveUser()}, got {folder} of user {other}" : null;
    }

    // struct statx is the same on every architecture: stx_uid is at byte 20. Null where the C library lacks the call.
    private static uint? Owner(string path)
    {
        if (!OperatingSystem.IsLinux()) return null;
        var status = stackalloc byte[256];
        try
        {
            return Statx(-100, path, 0, 0x8, status) == 0 ? *(uint*)(status + 20) : null;
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, byte* status);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();
}
