using System.Runtime.ExceptionServices;

namespace RawDL.NN;

/// <summary>
/// Cuts a dataset into the batches of one rank and prepares them ahead on one worker thread. The order of an epoch is a function of
/// (seed, epoch). A step takes the next R·B positions, rank r of R the r-th B of them; all ranks see the same number of batches and no sample is left out.
/// All memory is allocated by the constructor; batches and epochs allocate none.
/// </summary>
public sealed class DataLoader : IDisposable
{
    // One batch with the consumer, one ready, one in the making.
    private const int MaxBuffers = 3;
    // A dataset that blocks must not block its consumer's end: the worker is a background thread and may be left behind.
    private static readonly TimeSpan JoinTimeout = TimeSpan.FromSeconds(2);

    private readonly Dataset _dataset;
    private readonly DataLoaderOptions _options;
    private readonly Batch[] _buffers;
    private readonly int[] _order;
    private readonly ImageWarp? _warp;
    private readonly Thread _worker;
    private readonly object _gate = new();
    private readonly int _batchSize;

    // Guarded by _gate. Batches _released … _produced − 1 are ready; batch n lies in buffer n mod length.
    private int _epoch, _first, _rank, _batches, _generation, _produced, _released;
    private bool _held, _disposed;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Creates the loader; <see cref="Start"/> begins an epoch.</summary>
    /// <exception cref="ArgumentException">An option is outside its range, or there are no samples.</exception>
    /// <exception cref="ShapeException">Normalization or augmentation do not fit the samples.</exception>
    public DataLoader(Dataset dataset, DataLoaderOptions options)
    {
        if (dataset.Count == 0) throw new ArgumentException($"{dataset.Name}: expected at least one sample, got none.");
        if (options.BatchSize < 0) throw new ArgumentException($"DataLoader: expected a batch size >= 0, got {options.BatchSize}.");
        if (options.Size < 1 || (uint)options.Rank >= (uint)options.Size)
            throw new ArgumentException($"DataLoader: expected a rank below the size, got rank {options.Rank} of {options.Size}.");
        options.Normalization?.Require(dataset.SampleShape);
        options.Augmentation?.Require(dataset.SampleShape);
        (_dataset, _options, _rank) = (dataset, options, options.Rank);
        var share = (int)(((long)dataset.Count + options.Size - 1) / options.Size);
        _batchSize = options.BatchSize == 0 ? share : Math.Min(options.BatchSize, share);
        BatchesPerEpoch = BatchesFrom(0);
        var (steps, rest) = Math.DivRem((long)dataset.Count, (long)_batchSize * options.Size);
        SamplesPerEpoch = (int)(steps * _batchSize + Math.Clamp(rest - (long)options.Rank * _batchSize, 0, _batchSize));
        _buffers = new Batch[Math.Min(MaxBuffers, BatchesPerEpoch)];
        for (var i = 0; i < _buffers.Length; i++) _buffers[i] = new Batch(dataset, _batchSize);
        _order = new int[dataset.Count];
        if (options.Augmentation is { IsIdentity: false } augmentation) _warp = new ImageWarp(augmentation, dataset.SampleShape);
        _worker = new Thread(Work) { IsBackground = true, Name = "RawDL data" };
        _worker.Start();
    }

    /// <summary>The loader of a run.</summary>
    internal static DataLoader Of(TrainingConfiguration configuration, Dataset train, Model model, int rank, int size) => new(train, new DataLoaderOptions
    {
        BatchSize = (int)Math.Min((long)configuration.BatchSize * configuration.Synchronization.Accumulation, int.MaxValue),
        Seed = configuration.Seed,
        Normalization = model.Normalization,
        Augmentation = configuration.Augmentation,
        Rank = rank,
        Size = size,
    });

    /// <summary>The dataset below.</summary>
    public Dataset Dataset => _dataset;

    /// <summary>Batches of one epoch: the same on every rank.</summary>
    public int BatchesPerEpoch { get; }

    /// <summary>Samples of one epoch on this rank; over all ranks they sum to the size of the dataset.</summary>
    public int SamplesPerEpoch { get; }

    /// <summary>Largest number of samples of a batch.</summary>
    public int BatchSize => _batchSize;

    /// <summary>
    /// Begins an epoch, or goes on with one after its first samples, whoever worked on them: the samples left are dealt to the ranks. Where the same ranks went before,
    /// the batches are the very ones an undisturbed epoch has there. Unfinished batches of an earlier start are dropped.
    /// </summary>
    /// <param name="epoch">From 0.</param>
    /// <param name="firstSample">Samples of the epoch's order to leave out, 0 … the size of the dataset.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such epoch or sample.</exception>
    public void Start(int epoch, int firstSample = 0) => StartAs(_rank, epoch, firstSample);

    /// <summary>As the public form, for another rank from now on.</summary>
    internal void StartAs(int rank, int epoch, int firstSample)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(firstSample);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstSample, _dataset.Count);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            (_epoch, _rank) = (epoch, rank);
            _generation++;
            _first = firstSample;
            _batches = BatchesFrom(firstSample);
            _produced = _released = 0;
            _held = false;
            _failure = null;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Batches of an epoch that goes on after its first samples: the same on every rank.</summary>
    public int BatchesFrom(int firstSample)
    {
        var share = (int)(((long)_dataset.Count - firstSample + _options.Size - 1) / _options.Size);
        return (share + _batchSize - 1) / _batchSize;
    }

    /// <summary>The next batch of the epoch, or false at its end. The batch before it is given back.</summary>
    /// <exception cref="ObjectDisposedException">The loader was disposed, perhaps while this call waited.</exception>
    /// <remarks>What the dataset throws while the worker reads from it is thrown here, after the batches before it.</remarks>
    public bool TryNext(out Batch batch)
    {
        lock (_gate)
        {
            if (_held)
            {
                _held = false;
                _released++;
                Monitor.PulseAll(_gate);
            }
            while (!_disposed && _failure is null && _released == _produced && _released < _batches) Monitor.Wait(_gate);
            ObjectDisposedException.ThrowIf(_disposed, this);
            batch = _buffers[_released % _buffers.Length];
            if (_released < _produced) return _held = true;
            _failure?.Throw();
            return false;
        }
    }

    /// <summary>Ends the worker thread. A call of <see cref="TryNext"/> that waits on another thread ends with an exception.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            Monitor.PulseAll(_gate);
        }
        if (_worker != Thread.CurrentThread) _worker.Join(JoinTimeout);
    }

    private void Work()
    {
        var shuffled = -1;
        while (true)
        {
            int generation, epoch, first, rank, number;
            lock (_gate)
            {
                while (!_disposed && (_failure is not null || _produced == _batches || _produced == _released + _buffers.Length)) Monitor.Wait(_gate);
                if (_disposed) return;
                (generation, epoch, first, rank, number) = (_generation, _epoch, _first, _rank, _produced);
            }
            ExceptionDispatchInfo? failure = null;
            try
            {
                if (shuffled != epoch) Shuffle(epoch, _order);
                shuffled = epoch;
                Fill(_buffers[number % _buffers.Length], epoch, first, rank, number, generation);
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
            lock (_gate)
            {
                if (generation != _generation) continue;
                _failure = failure;
                if (failure is null) _produced++;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private void Shuffle(int epoch, int[] order)
    {
        if (_options.Order == SampleOrder.Shuffled) Permutation.Fill(order, _options.Seed, RandomStreams.Order | (uint)epoch);
        else for (var i = 0; i < order.Length; i++) order[i] = i;
    }

    /// <summary>The samples of this rank's batches in their order, from a first sample of the epoch on.</summary>
    internal int[] OwnOrder(int epoch, int firstSample)
    {
        var order = new int[_dataset.Count];
        Shuffle(epoch, order);
        var own = new List<int>(order.Length);
        for (var number = 0; number < BatchesFrom(firstSample); number++)
        {
            var (count, _) = Counts(firstSample, number);
            own.AddRange(order.AsSpan((int)(firstSample + ((long)number * _options.Size + _rank) * _batchSize), count));
        }
        return [.. own];
    }

    /// <summary>Samples of a batch, this rank's and all ranks'.</summary>
    internal (int Own, int Global) Counts(int firstSample, int number) => Counts(firstSample, number, _rank);

    /// <summary>Samples of a batch, a rank's and all ranks'.</summary>
    internal (int Own, int Global) Counts(int firstSample, int number, int rank)
    {
        var global = (int)Math.Min((long)_batchSize * _options.Size, _dataset.Count - firstSample - (long)number * _batchSize * _options.Size);
        return ((int)Math.Clamp(global - (long)rank * _batchSize, 0, _batchSize), global);
    }

    private void Fill(Batch batch, int epoch, int firstSample, int rank, int number, int generation)
    {
        var first = firstSample + (long)number * _batchSize * _options.Size;
        (batch.Count, batch.GlobalCount) = Counts(firstSample, number, rank);
        var mine = (long)rank * _batchSize;
        for (var i = 0; i < batch.Count; i++)
        {
            if (Volatile.Read(ref _disposed) || Volatile.Read(ref _generation) != generation) return;
            var index = _order[first + mine + i];
            batch.Fill(_dataset, i, index);
            _warp?.Apply(batch.Input(i), _options.Seed, epoch, index);
        }
        _options.Normalization?.Apply(batch.AllInputs, _dataset.SampleShape);
    }
}
