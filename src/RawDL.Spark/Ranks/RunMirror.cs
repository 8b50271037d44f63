using RawDL.NN;

namespace RawDL.Spark;

/// <summary>Writes the files that rank 0's task sends into the run folder of the driver, durably. The first failure is remembered, and what follows is dropped.</summary>
/// <param name="folder">The run folder.</param>
/// <param name="keep">Periodic checkpoints to keep.</param>
/// <param name="trace">Where the timeline goes, or null.</param>
/// <param name="committed">Called after each whole file.</param>
internal sealed class RunMirror(RunFolder folder, int keep, string? trace, Action? committed = null)
{
    private const int Piece = 1 << 18;

    /// <summary>Why the files could not be written, or null.</summary>
    internal Exception? Failure { get; private set; }

    /// <summary>Takes a file from the connection.</summary>
    /// <exception cref="SparkProtocolException">It is no file of a run.</exception>
    internal void TakeFile(string name, long length, WireReader source)
    {
        RankFiles.Check(name);
        if (length < 0) throw new SparkProtocolException($"ranks: expected the length of a file, got {length}");
        var left = length;
        if (name != RankFiles.Trace || trace is not null)
            Attempt(() =>
            {
                Durable.Write(name == RankFiles.Trace ? trace! : folder.In(name), stream => Copy(source, ref left, stream), length);
                if (RankFiles.IsStep(name)) folder.Prune(keep);
                committed?.Invoke();
            });
        Copy(source, ref left, Stream.Null);
    }

    /// <summary>Takes a part of a file that grows; a gap is an error.</summary>
    internal void TakePart(string name, long offset, byte[] bytes)
    {
        if (RankFiles.Check(name) != RankFiles.Metrics) throw new SparkProtocolException($"ranks: expected more of {RankFiles.Metrics}, got of {name}");
        Attempt(() =>
        {
            using var file = new FileStream(folder.MetricsPath, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read);
            if (offset < 0 || offset > file.Length) throw new SparkProtocolException($"ranks: expected more of {name} from byte {file.Length}, got byte {offset}");
            file.SetLength(offset);
            file.Position = offset;
            file.Write(bytes);
        });
    }

    private static void Copy(WireReader source, ref long left, Stream target)
    {
        Span<byte> piece = new byte[(int)Math.Min(Piece, left)];
        while (left > 0)
        {
            var count = source.Read(piece[..(int)Math.Min(piece.Length, left)]);
            if (count == 0) throw new ConnectionLostException($"ranks: expected {left} more bytes of a file, got the end");
            left -= count;
            target.Write(piece[..count]);
        }
    }

    private void Attempt(Action write)
    {
        if (Failure is not null) return;
        try
        {
            write();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Failure = exception;
        }
    }
}
