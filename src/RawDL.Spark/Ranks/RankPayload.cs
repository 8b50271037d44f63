namespace RawDL.Spark;

/// <summary>What all tasks of an attempt are told by the driver.</summary>
/// <param name="Size">Number of ranks.</param>
/// <param name="Words">The arguments of each rank, with the places <see cref="RunPlace"/> and <see cref="CpusPlace"/>.</param>
/// <param name="Configuration">config.json of the run.</param>
/// <param name="RunPath">The run folder's path on the driver, as the user knows it.</param>
/// <param name="Data">The broadcast with the packed data.</param>
/// <param name="State">The broadcast with the files to go on from; -1 for none.</param>
/// <param name="Host">Where the driver listens.</param>
/// <param name="Port">Its port there.</param>
/// <param name="Token">What the driver knows rank 0's task by.</param>
/// <param name="Logs">Whether lines of ranks stand in the executors' logs too: where the driver is the executor they would stand there twice.</param>
internal sealed record RankPayload(int Size, IReadOnlyList<string> Words, string Configuration, string RunPath, long Data, long State, string Host, int Port, string Token, bool Logs)
{
    /// <summary>Stands for the run's folder on the executor.</summary>
    internal const string RunPlace = "{run}";

    /// <summary>Stands for the cores of a task.</summary>
    internal const string CpusPlace = "{cpus}";

    private const int MaximumWords = 1000;

    internal byte[] Encode()
    {
        var bytes = new MemoryStream();
        var wire = new WireWriter(bytes, "ranks");
        wire.WriteInt(Size);
        wire.WriteInt(Words.Count);
        foreach (var word in Words) wire.WriteText(word);
        wire.WriteText(Configuration);
        wire.WriteText(RunPath);
        wire.WriteLong(Data);
        wire.WriteLong(State);
        wire.WriteText(Host);
        wire.WriteInt(Port);
        wire.WriteText(Token);
        wire.WriteInt(Logs ? 1 : 0);
        wire.Flush();
        return bytes.ToArray();
    }

    internal static RankPayload Decode(ReadOnlyMemory<byte> bytes)
    {
        var wire = new WireReader(new MemoryStream(bytes.ToArray()), "ranks");
        var size = wire.ReadLength(int.MaxValue);
        var words = new string[wire.ReadLength(MaximumWords)];
        for (var i = 0; i < words.Length; i++) words[i] = wire.ReadText();
        return new RankPayload(size, words, wire.ReadText(), wire.ReadText(), wire.ReadLong(), wire.ReadLong(), wire.ReadText(), wire.ReadInt(), wire.ReadText(), wire.ReadInt() != 0);
    }

    /// <summary>The arguments with their places filled.</summary>
    internal IEnumerable<string> FillWords(string run, int cpus) => Words.Select(word => word
        .Replace(RunPlace, run, StringComparison.Ordinal)
        .Replace(CpusPlace, cpus.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal));
}
