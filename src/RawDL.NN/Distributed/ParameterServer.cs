using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace RawDL.NN;

/// <summary>
/// Holds a part of the parameters, applies every client's gradients as they come and gives the parameters to whoever asks. It takes one message after the other, in the order of
/// their arrival, and answers without waiting, so that no client holds up another. Source: Dean et al., Large scale distributed deep networks, NIPS 2012, section 4.1.
/// </summary>
/// <remarks>
/// A client is taken for dead when it is silent for <see cref="SynchronizationOptions.ClientTimeout"/> while the server owes it nothing; what it has pushed stays. Client 0
/// evaluates and saves meanwhile, and without it there is no run: the server ends with an error when that is silent for half an hour.
/// </remarks>
internal sealed unsafe class ParameterServer
{
    /// <summary>Pushes at least so stale are counted as one.</summary>
    public const int MostStaleness = 1000;

    private const int MostText = 1024;
    private static readonly TimeSpan MostSilence = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan Idle = TimeSpan.FromMilliseconds(20);

    private readonly ICommunicator _world;
    private readonly SynchronizationOptions _options;
    private readonly ServerRule _rule;
    private readonly ServedClient[] _clients;
    private readonly List<long> _staleness = [];
    private readonly int _index;
    private float[] _values = [], _squares = [], _incoming = new float[DownpourHeader.Length + MostText];
    private bool _isReady, _isGo, _isClosing, _isInterrupted;
    private long _pushes;
    private double _samples, _lossSum;

    private ParameterServer(ICommunicator world, SynchronizationOptions options)
    {
        (_world, _options, _rule) = (world, options, ServerRule.Parse(options.Server));
        _clients = new ServedClient[world.Size - options.Servers];
        for (var i = 0; i < _clients.Length; i++) _clients[i] = new ServedClient { Heard = Stopwatch.GetTimestamp() };
        _index = world.Rank - _clients.Length;
    }

    private bool OthersHaveEnded => Array.TrueForAll(_clients, client => client == _clients[0] || client.HasEnded);

    /// <summary>Serves on one of the last ranks until client 0 says that the run is over and all others have ended.</summary>
    /// <returns>Completed, or interrupted: as client 0 ended.</returns>
    /// <exception cref="CommunicationException">A message that no client sends.</exception>
    public static RunStatus Serve(ICommunicator world, SynchronizationOptions options) => new ParameterServer(world, options).Serve();

    private RunStatus Serve()
    {
        var wait = new SpinWait();
        var heard = Stopwatch.GetTimestamp();
        while (!_isClosing || !OthersHaveEnded)
        {
            if (_world.TryProbe<float>(MessageEnvelope.AnySource, MessageEnvelope.AnyTag, out var message))
            {
                Take(message);
                AnswerAll();
                (wait, heard) = (default, Stopwatch.GetTimestamp());
                continue;
            }
            if (LoseSilent()) AnswerAll();
            // Yields its core as long as messages come often, and sleeps when they do not.
            if (Stopwatch.GetElapsedTime(heard) > Idle) Thread.Sleep(1);
            else wait.SpinOnce(sleep1Threshold: -1);
        }
        Close();
        return _isInterrupted ? RunStatus.Interrupted : RunStatus.Completed;
    }

    private void Take(MessageEnvelope message)
    {
        var tag = (DownpourTag)message.Tag;
        if (message.Source >= _clients.Length) throw new CommunicationException($"downpour: expected messages of clients 0 to {_clients.Length - 1} only, got {tag} from rank {message.Source}");
        RequireLength(message);
        if (_incoming.Length < message.Count) _incoming = new float[message.Count];
        _world.Receive(_incoming.AsSpan(0, message.Count), message.Source, message.Tag);
        var client = _clients[message.Source];
        if (client.HasEnded) return;
        client.Heard = Stopwatch.GetTimestamp();
        var header = DownpourHeader.Read(_incoming);
        var values = _incoming.AsSpan(DownpourHeader.Length, message.Count - DownpourHeader.Length);
        switch (tag)
        {
            case DownpourTag.Initialize: Initialize(header, values); break;
            case DownpourTag.Push: Push(message.Source, header, values); break;
            case DownpourTag.Go: Go(); break;
            case DownpourTag.Fetch or DownpourTag.FetchLast: client.Asked = tag; break;
            case DownpourTag.Squares: SendSquares(); break;
            case DownpourTag.StopOthers: StopOthers(); break;
            case DownpourTag.Done:
                client.Count(header);
                End(client, null);
                break;
            case DownpourTag.Leave: End(client, $"left: {DownpourHeader.Text(values)}"); break;
            default:
                (_isClosing, _isInterrupted) = (true, header.Version != 0);
                client.Count(header);
                break;
        }
    }

    // Before anything is allocated for the message.
    private void RequireLength(MessageEnvelope message)
    {
        var tag = (DownpourTag)message.Tag;
        var first = message.Source == 0;
        var fits = tag switch
        {
            DownpourTag.Initialize => first && !_isReady,
            DownpourTag.Push => _isReady,
            DownpourTag.Go or DownpourTag.FetchLast or DownpourTag.Squares or DownpourTag.StopOthers or DownpourTag.Shutdown => first && _isReady,
            DownpourTag.Fetch => true,
            DownpourTag.Done or DownpourTag.Leave => !first,
            _ => false,
        };
        if (!fits) throw new CommunicationException($"downpour: expected another message from client {message.Source} at this time, got {(Enum.IsDefined(tag) ? tag : $"tag {message.Tag}")}");
        if (tag == DownpourTag.Initialize ? message.Count >= DownpourHeader.Length : tag == DownpourTag.Leave && message.Count is >= DownpourHeader.Length and <= DownpourHeader.Length + MostText) return;
        DownpourHeader.RequireLength(message, tag == DownpourTag.Push ? _values.Length : 0);
    }

    private void Initialize(DownpourHeader header, ReadOnlySpan<float> values)
    {
        if (header.Version is < 0 or > int.MaxValue) throw new CommunicationException($"downpour: expected a number of parameters, got {header.Version}");
        var parameters = (int)header.Version;
        var count = DownpourHeader.Start(_index + 1, _options.Servers, parameters) - DownpourHeader.Start(_index, _options.Servers, parameters);
        if (values.Length != (_rule.HasSquares ? 2L : 1L) * count)
            throw new CommunicationException($"downpour: expected Initialize with {count} parameters{(_rule.HasSquares ? " and their squares" : "")} of {parameters}, got {values.Length} values");
        _values = values[..count].ToArray();
        _squares = values[count..].ToArray();
        _isReady = true;
    }

    private void Push(int number, DownpourHeader header, ReadOnlySpan<float> gradient)
    {
        var client = _clients[number];
        var stale = _pushes - client.Pushes - header.Version;
        if (header.Version < 0 || stale < 0) throw new CommunicationException($"downpour: expected client {number} to push with a version up to {_pushes - client.Pushes}, got {header.Version}");
        if (!double.IsFinite(header.Rate) || !IsFinite(gradient))
        {
            End(client, "pushed a gradient or rate that is not finite");
            SendStop(number, isLost: true);
            return;
        }
        _rule.Apply(_values, _squares, gradient, (float)header.Rate);
        client.Pushes++;
        client.Count(header);
        _pushes++;
        _samples += header.Samples;
        _lossSum += header.LossSum;
        stale = Math.Min(stale, MostStaleness);
        while (_staleness.Count <= stale) _staleness.Add(0);
        _staleness[(int)stale]++;
    }

    private void Go()
    {
        _isGo = true;
        foreach (var client in _clients) client.Heard = Stopwatch.GetTimestamp();
    }

    private void AnswerAll()
    {
        for (var number = 0; number < _clients.Length; number++)
        {
            var due = _clients[number].Asked switch
            {
                DownpourTag.Fetch => _isReady && (_isGo || number == 0),
                DownpourTag.FetchLast => OthersHaveEnded,
                _ => false,
            };
            if (due) Answer(number);
        }
    }

    private void Answer(int number)
    {
        var client = _clients[number];
        // It has received its last answer, or it would not ask again.
        client.Complete();
        if (client.Answer.Length == 0) client.Answer = GC.AllocateArray<float>(DownpourHeader.Length + _values.Length, pinned: true);
        new DownpourHeader { Version = _pushes - client.Pushes, Samples = _samples, LossSum = _lossSum }.Write(client.Answer);
        _values.CopyTo(client.Answer, DownpourHeader.Length);
        StartSend(number, client.Answer, DownpourTag.Parameters);
        (client.Asked, client.Heard) = (null, Stopwatch.GetTimestamp());
    }

    private void SendSquares()
    {
        var message = new float[DownpourHeader.Length + _squares.Length];
        _squares.CopyTo(message, DownpourHeader.Length);
        _world.Send<float>(message, 0, (int)DownpourTag.Squares);
    }

    private void StopOthers()
    {
        for (var number = 1; number < _clients.Length; number++)
            if (!_clients[number].HasEnded) SendStop(number, isLost: false);
    }

    private bool LoseSilent()
    {
        if (_clients[0].Asked is null && Stopwatch.GetElapsedTime(_clients[0].Heard) > MostSilence)
            throw new CommunicationException($"downpour: expected a message of client 0 within {MostSilence.TotalMinutes} minutes, got none");
        if (!_isGo) return false;
        var any = false;
        for (var number = 1; number < _clients.Length; number++)
        {
            var client = _clients[number];
            if (client.HasEnded || client.Asked is not null || Stopwatch.GetElapsedTime(client.Heard).TotalSeconds < _options.ClientTimeout) continue;
            client.IsSilent = any = true;
            End(client, FormattableString.Invariant($"silent for {_options.ClientTimeout} s"));
            SendStop(number, isLost: true);
        }
        return any;
    }

    private static void End(ServedClient client, string? loss) => (client.HasEnded, client.Loss, client.Asked) = (true, loss, null);

    private void SendStop(int number, bool isLost) => SendHeader(number, DownpourTag.Stop, isLost ? 1 : 0);

    private void SendHeader(int number, DownpourTag tag, long version)
    {
        var message = GC.AllocateArray<float>(DownpourHeader.Length, pinned: true);
        new DownpourHeader { Version = version }.Write(message);
        try
        {
            StartSend(number, message, tag);
        }
        catch (CommunicationException) when (_clients[number].IsSilent)
        {
            // Dead indeed.
        }
    }

    private void StartSend(int number, float[] message, DownpourTag tag) =>
        _clients[number].Requests.Add(new KeptRequest(_world.StartSend((float*)Unsafe.AsPointer(ref message[0]), message.Length, number, (int)tag), message));

    // All others have ended: they wait for this, whether they were done, left or were only slow.
    private void Close()
    {
        for (var number = 1; number < _clients.Length; number++) SendHeader(number, DownpourTag.End, _isInterrupted ? 1 : 0);
        _world.Send<float>(Report(), 0, (int)DownpourTag.Report);
        foreach (var client in _clients)
            if (!client.IsSilent) client.Complete();
    }

    private float[] Report()
    {
        var lost = new StringBuilder();
        for (var number = 1; number < _clients.Length; number++)
            if (_clients[number].Loss is { } reason) lost.Append(number).Append(' ').Append(reason.ReplaceLineEndings(" ")).Append('\n');
        var numbers = new List<double>();
        foreach (var count in _staleness) numbers.Add(count);
        foreach (var client in _clients) numbers.AddRange(client.Totals);
        var text = new DownpourHeader { Version = _pushes, Samples = _staleness.Count }.WithText(lost.ToString());
        return [.. text[..DownpourHeader.Length], .. MemoryMarshal.Cast<double, float>(CollectionsMarshal.AsSpan(numbers)), .. text[DownpourHeader.Length..]];
    }

    private static bool IsFinite(ReadOnlySpan<float> values)
    {
        // x·0 is 0 for what is finite, NaN else.
        var sum = System.Numerics.Vector<float>.Zero;
        var i = 0;
        for (; i <= values.Length - System.Numerics.Vector<float>.Count; i += System.Numerics.Vector<float>.Count) sum += new System.Numerics.Vector<float>(values[i..]) * 0f;
        var rest = 0f;
        for (; i < values.Length; i++) rest += values[i] * 0f;
        return System.Numerics.Vector.Sum(sum) + rest == 0f;
    }

    /// <summary>A send, with the pinned message that it reads.</summary>
    private sealed class KeptRequest(ICommunicationRequest request, float[] message) : ICommunicationRequest
    {
        public bool Test() => request.Test();

        public void Wait()
        {
            request.Wait();
            GC.KeepAlive(message);
        }
    }
}
