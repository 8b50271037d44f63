using System.Globalization;
using System.Net.Sockets;

namespace RawDL.Spark;

/// <summary>Serves the tasks of one worker connection, one after another. Nothing that a task does ends the process.</summary>
internal sealed class TaskConnection : IDisposable
{
    private readonly Socket _socket;
    private readonly PromptStream _stream;
    private readonly WorkerSettings _settings;
    private readonly TaskCatalog _catalog;
    private readonly BroadcastSet _broadcasts;
    private volatile TaskWatch? _watch;

    internal TaskConnection(Socket socket, WorkerSettings settings, TaskCatalog catalog, BroadcastStore store)
    {
        (_socket, _settings, _catalog) = (socket, settings, catalog);
        _stream = new PromptStream(socket);
        Reader = new WireReader(_stream, "worker connection");
        Writer = new WireWriter(_stream, "worker connection");
        _broadcasts = new BroadcastSet(store);
    }

    internal WireReader Reader { get; }

    internal WireWriter Writer { get; }

    /// <summary>Tells the running task that its result is not wanted.</summary>
    internal void Cancel() => _watch?.Cancel();

    /// <summary>Serves until the JVM closes the connection.</summary>
    internal void Serve()
    {
        try
        {
            while (ServeTask() && _settings.IsReused) { }
            if (!Reader.IsLost && !Writer.IsLost) Reader.Drain();
        }
        catch (ConnectionLostException)
        {
            // The JVM closes idle and finished connections; a reset means the same.
        }
    }

    /// <summary>Fails whatever is asked for.</summary>
    internal void Refuse(string text)
    {
        Writer.WriteInt(SpecialLength.Exception);
        Writer.WriteText(text);
        Writer.Flush();
        Reader.Drain();
    }

    public void Dispose()
    {
        _broadcasts.Dispose();
        _stream.Dispose();
    }

    private bool ServeTask()
    {
        var boot = Now();
        TaskHeader? header = null;
        var output = new TaskOutput(Writer, isArrow: false);
        using var watch = new TaskWatch(_socket);
        _watch = watch;
        try
        {
            header = TaskHeader.Read(Reader, _catalog.Build, _broadcasts.Apply);
            if (header is null) return false;
            var begin = Now();
            var (task, payload) = _catalog.Find(header.Command);
            var isArrow = header.EvaluationType == TaskHeader.MapInArrow;
            var input = new TaskInput(Reader, isArrow);
            output = new TaskOutput(Writer, isArrow);
            task.Run(new TaskContext(header, _broadcasts, payload, watch.Token), input, output);
            // An answer now would let the JVM keep a connection that it is about to close, and the next task would fail on it.
            watch.Token.ThrowIfCancellationRequested();
            output.End();
            Finish(header, input.End(), boot, begin);
            return true;
        }
        catch (Exception) when (Reader.IsLost || Writer.IsLost || watch.Token.IsCancellationRequested)
        {
            return false;   // Nobody waits for an answer.
        }
        catch (Exception exception)
        {
            output.End();
            Report(exception, header);
            return false;
        }
        finally
        {
            _watch = null;
        }
    }

    // One write for the rest of the result, the times and the end; two would cost 40 ms.
    private void Finish(TaskHeader header, bool consumed, long boot, long begin)
    {
        var end = Now();
        Writer.WriteInt(SpecialLength.Timing);
        Writer.WriteLong(boot);
        Writer.WriteLong(begin);
        Writer.WriteLong(end);
        if (header.Layout.Has(WorkerParts.ProcessingTime)) Writer.WriteLong(end - begin);
        Writer.WriteLong(0);   // bytes spilled from memory
        Writer.WriteLong(0);   // bytes spilled to disk
        Writer.WriteInt(SpecialLength.EndOfData);
        Writer.WriteInt(0);    // accumulator updates
        Writer.WriteInt(consumed ? SpecialLength.EndOfStream : SpecialLength.EndOfData);
        Writer.Flush();
    }

    private void Report(Exception exception, TaskHeader? header)
    {
        var text = TaskFailure.Compose(exception, header?.Partition ?? -1, header?.Attempt ?? -1);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"rawdl [stage {header?.Stage ?? -1} partition {header?.Partition ?? -1} attempt {header?.Attempt ?? -1}] failed: {text.AsSpan(0, text.IndexOf('\n'))}"));
        // Refuse also reads what the JVM still sends: up to Spark 3.5 a full pipe would hold its writer for seconds.
        Refuse(text);
    }

    private static long Now() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
}
