using RawDL.NN;

namespace RawDL.Spark;

/// <summary>What a run needs to go on elsewhere: its newest whole checkpoint and the metrics up to it.</summary>
internal static class RankState
{
    /// <summary>Packs it; null if the run has no whole checkpoint. The folder's metrics are cut to the checkpoint, or to nothing.</summary>
    internal static byte[]? Pack(RunFolder folder, out long step)
    {
        foreach (var candidate in folder.CheckpointSteps())
        {
            try
            {
                var path = folder.CheckpointPath(candidate);
                _ = SafetensorsFile.Read(path);
                folder.CutMetrics(step = candidate);
                var bytes = new MemoryStream();
                var wire = new WireWriter(bytes, "ranks");
                wire.WriteLong(candidate);
                wire.WriteBlock(File.ReadAllBytes(path));
                wire.WriteBlock(File.Exists(folder.MetricsPath) ? File.ReadAllBytes(folder.MetricsPath) : []);
                wire.Flush();
                return bytes.ToArray();
            }
            catch (RawFileException)
            {
                // A damaged one; an older one may be whole.
            }
        }
        folder.CutMetrics(step = 0);
        return null;
    }

    /// <summary>Lays a run out in an empty folder.</summary>
    internal static void Unpack(string folder, string configuration, ReadOnlyMemory<byte> state)
    {
        Directory.CreateDirectory(Path.Combine(folder, RankFiles.Checkpoints));
        File.WriteAllText(Path.Combine(folder, RankFiles.Configuration), configuration);
        if (state.IsEmpty) return;
        var wire = new WireReader(new MemoryStream(state.ToArray()), "ranks");
        File.WriteAllBytes(Path.Combine(folder, RankFiles.Step(wire.ReadLong())), wire.ReadBytes(wire.ReadLength(int.MaxValue)));
        if (wire.ReadBytes(wire.ReadLength(int.MaxValue)) is { Length: > 0 } metrics) File.WriteAllBytes(Path.Combine(folder, RankFiles.Metrics), metrics);
    }
}
