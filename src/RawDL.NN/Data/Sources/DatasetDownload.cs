using System.Security.Cryptography;

namespace RawDL.NN;

/// <summary>Gets the files of one set from its mirrors. A file comes to its place only as a whole and after its SHA-256 was right.</summary>
internal sealed class DatasetDownload(DatasetSource source, string folder, DataOptions options, HttpClient client)
{
    private const int ReportBytes = 256 * 1024;
    // A mirror that sends nothing for so long counts as dead.
    private static readonly TimeSpan s_stall = TimeSpan.FromSeconds(30);

    public void Run()
    {
        if (!options.Download) throw Missing("got none of them, and downloads are off");
        Durable.CreateDirectory(folder);
        foreach (var file in source.Files)
        {
            var path = Path.Combine(folder, file.Name);
            if (!File.Exists(path)) Get(file, path);
            if (source.Name != Cifar10Folder.SourceName) continue;
            options.Say?.Invoke($"{source.Name}: unpacking {file.Name}");
            Verify(path, file, options.Cancel);
            Cifar10Folder.Extract(path, folder);
            File.Delete(path);
        }
    }

    /// <exception cref="RawFileException">The file is not the one of the catalog.</exception>
    public static void Verify(string path, DatasetFile expected, CancellationToken cancel)
    {
        using var handle = InputFile.Open(path, out var length);
        if (length != expected.Bytes) throw new RawFileException(path, null, $"expected {expected.Bytes} bytes, got {length}");
        using var stream = new FileStream(handle, FileAccess.Read, 1);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[ReportBytes];
        for (int count; (count = stream.Read(buffer)) > 0; cancel.ThrowIfCancellationRequested()) hash.AppendData(buffer, 0, count);
        var got = Convert.ToHexStringLower(hash.GetHashAndReset());
        if (got != expected.Sha256) throw new RawFileException(path, null, $"expected SHA-256 {expected.Sha256}, got {got}");
    }

    /// <summary>Why a mirror did not give a file. No IOException, so that it passes through <see cref="Durable"/> as it is.</summary>
    private sealed class MirrorException(string message, Exception? inner = null) : Exception(message, inner);

    private void Get(DatasetFile file, string path)
    {
        var failures = new List<string>();
        foreach (var mirror in source.Mirrors)
        {
            var address = new Uri(mirror + file.Name);
            options.Say?.Invoke($"{source.Name}: downloading {address}");
            try
            {
                Durable.Write(path, stream => Copy(address, file, stream), file.Bytes);
                return;
            }
            catch (MirrorException e)
            {
                failures.Add($"{address.Host}: {e.Message}");
                options.Say?.Invoke($"{source.Name}: {failures[^1]}");
            }
        }
        throw Missing($"and no mirror gave {file.Name} ({string.Join("; ", failures)})");
    }

    private void Copy(Uri address, DatasetFile file, Stream destination)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(options.Cancel);
        try
        {
            stop.CancelAfter(s_stall);
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            using var response = Wait(client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop.Token));
            if (!response.IsSuccessStatusCode) throw new MirrorException($"status {(int)response.StatusCode}");
            if (response.Content.Headers.ContentLength is { } length && length != file.Bytes) throw new MirrorException($"{length} bytes instead of {file.Bytes}");
            using var body = Wait(response.Content.ReadAsStreamAsync(stop.Token));
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[64 * 1024];
            long done = 0, reported = 0;
            while (true)
            {
                stop.CancelAfter(s_stall);
                var count = Wait(body.ReadAsync(buffer, stop.Token).AsTask());
                if (count == 0) break;
                done += count;
                if (done > file.Bytes) throw new MirrorException($"more than {file.Bytes} bytes");
                hash.AppendData(buffer, 0, count);
                Save(destination, buffer.AsSpan(0, count));
                if (done - reported < ReportBytes && done < file.Bytes) continue;
                reported = done;
                options.Progress?.Report(new DownloadProgress(file.Name, done, file.Bytes));
            }
            if (done < file.Bytes) throw new MirrorException($"{done} bytes instead of {file.Bytes}");
            if (Convert.ToHexStringLower(hash.GetHashAndReset()) != file.Sha256) throw new MirrorException("another SHA-256");
        }
        catch (SaveException e)
        {
            throw new IOException(e.InnerException!.Message, e.InnerException);
        }
        catch (OperationCanceledException) when (options.Cancel.IsCancellationRequested)
        {
            throw;
        }
        catch (OperationCanceledException e)
        {
            throw new MirrorException($"nothing for {s_stall.TotalSeconds:F0} s", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new MirrorException((e as HttpRequestException)?.HttpRequestError switch
            {
                HttpRequestError.NameResolutionError => "no such host, or offline",
                HttpRequestError.ConnectionError => "no connection",
                _ => "broken off",
            }, e);
        }
    }

    /// <summary>The disk failed, not the mirror: trying another one would not help.</summary>
    private sealed class SaveException(Exception inner) : Exception(inner.Message, inner);

    private static void Save(Stream destination, ReadOnlySpan<byte> bytes)
    {
        try
        {
            destination.Write(bytes);
        }
        catch (IOException e)
        {
            throw new SaveException(e);
        }
    }

    // Streams without a token would wait for a dead mirror; the program itself is synchronous.
    private static T Wait<T>(Task<T> task) => task.GetAwaiter().GetResult();

    private RawFileException Missing(string got) => new(folder, null, $"expected {string.Join(", ", source.Files.Select(file => file.Name))} in this folder, {got}");
}
