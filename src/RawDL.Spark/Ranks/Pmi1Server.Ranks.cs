using System.Globalization;

namespace RawDL.Spark;

internal sealed partial class Pmi1Server
{
    private const int KeysOfWorld = 1024, KeysOfRank = 256;

    private void ServeRank(LineConnection connection, int rank)
    {
        lock (_state)
        {
            if (rank >= _size || _ranks[rank] != RankPhase.Away) return;
            _ranks[rank] = RankPhase.Here;
            Arrive();
        }
        while (connection.ReadLine() is { } text && Answer(rank, new PmiLine(text)) is { } answer && connection.WriteLine(answer)) { }
        lock (_state)
            if (_ranks[rank] != RankPhase.Finalized) Fail(rank, string.Create(CultureInfo.InvariantCulture, $"rank {rank} was lost"));
    }

    // Null ends the connection.
    private string? Answer(int rank, PmiLine line)
    {
        switch (line.Command)
        {
            case "init": return "cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1";
            case "get_maxes": return "cmd=maxes rc=0 kvsname_max=256 keylen_max=64 vallen_max=1024";
            case "get_appnum": return "cmd=appnum rc=0 appnum=0";
            case "get_universe_size": return string.Create(CultureInfo.InvariantCulture, $"cmd=universe_size rc=0 size={_size}");
            case "get_my_kvsname": return "cmd=my_kvsname rc=0 kvsname=world";
            case "put": return Put(line["key"], line["value"]);
            case "get": return Get(line["key"]);
            case "barrier_in": return Meet();
            case "finalize":
                lock (_state) _ranks[rank] = RankPhase.Finalized;
                return "cmd=finalize_ack rc=0";
            case "abort":
                Fail(rank, string.Create(CultureInfo.InvariantCulture, $"rank {rank} ended all ranks"), line.Number("exitcode") ?? 1);
                return null;
            default:
                // spawn, publish_name and others: a world that does not grow needs none of them.
                return line.Command.Length is > 0 and < 64 ? $"cmd={line.Command}_result rc=-1 msg=not_supported" : null;
        }
    }

    private string? Put(string? key, string? value)
    {
        if (key is not { Length: > 0 and <= MaximumKey } || value is null) return null;
        lock (_state)
        {
            if (_values.Count >= KeysOfWorld + KeysOfRank * _size) return "cmd=put_result rc=-1 msg=no_room";
            _values[key] = value;
        }
        return "cmd=put_result rc=0 msg=success";
    }

    // Where ranks run is answered only when all launchers have come: a rank that sees it missing would take another way than the others.
    private string? Get(string? key)
    {
        if (key is null) return null;
        lock (_state)
        {
            string? value;
            if (key == "PMI_process_mapping")
            {
                while (_failure is null && Array.IndexOf(_links, null) >= 0) Monitor.Wait(_state);
                value = RankOrder.Mapping(_nodes);
            }
            else
            {
                value = _values.GetValueOrDefault(key);
            }
            return value is null ? "cmd=get_result rc=-1 msg=key_not_found value=unknown" : $"cmd=get_result rc=0 msg=success value={value}";
        }
    }

    private string? Meet()
    {
        lock (_state)
        {
            var generation = _generation;
            if (++_waiting == _size)
            {
                (_waiting, _generation) = (0, generation + 1);
                Monitor.PulseAll(_state);
            }
            while (_generation == generation && _failure is null) Monitor.Wait(_state);
            return _generation == generation ? null : "cmd=barrier_out rc=0";
        }
    }
}
