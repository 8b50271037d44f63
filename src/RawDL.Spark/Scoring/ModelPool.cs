namespace RawDL.Spark;

/// <summary>Models that this process has opened and no task uses now. The newest one's stay; those of others go when they come back.</summary>
internal sealed class ModelPool
{
    private readonly Lock _lock = new();
    private readonly List<ScoringModel> _idle = [];
    private string _newest = "";

    /// <summary>An idle model, or a new one.</summary>
    /// <param name="hash">SHA-256 of its file.</param>
    /// <param name="threads">That it computes with.</param>
    /// <param name="bytes">Its file.</param>
    internal ScoringModel Rent(string hash, int threads, Func<ReadOnlyMemory<byte>> bytes)
    {
        foreach (var old in TakeOthers(hash)) old.Dispose();
        lock (_lock)
        {
            if (_idle.FindIndex(model => model.Hash == hash && model.Threads == threads) is var found and >= 0)
            {
                var model = _idle[found];
                _idle.RemoveAt(found);
                return model;
            }
        }
        return ScoringModel.Open(hash, threads, bytes());
    }

    internal void Return(ScoringModel model)
    {
        lock (_lock)
        {
            if (model.Hash == _newest)
            {
                _idle.Add(model);
                return;
            }
        }
        model.Dispose();
    }

    private List<ScoringModel> TakeOthers(string hash)
    {
        lock (_lock)
        {
            _newest = hash;
            var others = _idle.FindAll(model => model.Hash != hash);
            _idle.RemoveAll(model => model.Hash != hash);
            return others;
        }
    }
}
