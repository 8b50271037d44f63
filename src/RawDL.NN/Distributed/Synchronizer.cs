using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace RawDL.NN;

/// <summary>
/// Makes one training of several ranks. The trainer calls it at fixed places of every step and never asks how many ranks there are; with one it has nothing to do.
/// Ranks meet at steps that all of them know beforehand, and decide there from the same numbers: whether one has failed, whether to stop, whether replicas still agree.
/// </summary>
internal abstract unsafe class Synchronizer : IDisposable
{
    private readonly RankStatus[] _statuses;
    private float[]? _host;
    private uint _checksum;

    /// <summary>Takes the first values as what all replicas share.</summary>
    protected Synchronizer(SynchronizationOptions options, ICommunicator group, Model model, Optimizer optimizer, int? ranks = null)
    {
        var count = ranks ?? group.Size;
        (Options, Group, Model, Optimizer, WorldSize) = (options, group, model, optimizer, count);
        _statuses = new RankStatus[count];
        Report = new CommunicationReport(options.Name, count);
        Progress = new LocalProgress();
    }

    /// <summary>The ranks that go in step: they judge the run together.</summary>
    public ICommunicator Group { get; }

    /// <summary>Which part of the training data is this rank's.</summary>
    public virtual (int Rank, int Size) Shard => (Group.Rank, Group.Size);

    /// <summary>Ranks of the whole run.</summary>
    public virtual int WorldSize { get; }

    /// <summary>Whether this rank judges the run, alone or with its group.</summary>
    public virtual bool Judges => true;

    /// <summary>Whether the run can be saved after any step, not only where ranks meet.</summary>
    public virtual bool StopsAnywhere => Group.Size == 1;

    /// <summary>What this rank did since the last meeting.</summary>
    public LocalProgress Progress { get; }

    /// <summary>What communication cost, of all ranks.</summary>
    public CommunicationReport Report { get; }

    /// <summary>Spans of this rank for the timeline; null where none is wanted.</summary>
    public Timeline? Timeline { get; set; }

    protected SynchronizationOptions Options { get; }

    protected Model Model { get; }

    protected Optimizer Optimizer { get; }

    /// <summary>Time in meetings and in moving data since the last meeting began, and bytes sent.</summary>
    protected double WaitSeconds { get; set; }
    protected double TransferSeconds { get; set; }
    protected long SentBytes { get; set; }
    protected double SquaredDistance { get; set; }
    protected double SquaredNorm { get; set; }

    /// <summary>The strategy of a configuration.</summary>
    public static Synchronizer Create(SynchronizationOptions options, TrainerOptions run, Model model, Optimizer optimizer)
    {
        var (world, rounds) = (run.Communicator, run.Rounds);
        if (rounds is not null) RoundReplicas.Require(options);
        switch (options.Kind)
        {
            case SynchronizationKind.Downpour:
                throw new ConfigurationException($"synchronization: downpour: expected servers, got a trainer alone; {nameof(DistributedTraining)}.{nameof(DistributedTraining.Run)} starts both.");
            // The mean of what linear rules made of equal parameters is what they make of the mean gradient: the same step with fewer bytes, and with the bits of a single process.
            case SynchronizationKind.Average when rounds is null && world.Size > 1 && IsLinear(options, optimizer):
                return new GradientAllReduce(options with { Deterministic = true }, world, model, optimizer);
            case SynchronizationKind.Average when rounds is not null && IsLinear(options, optimizer):
            case SynchronizationKind.Gradients when rounds is not null:
                return new RoundGradients(rounds, model, optimizer);
            case SynchronizationKind.Gradients:
                return new GradientAllReduce(options, world, model, optimizer);
            default:
                return rounds is null ? new ParameterAveraging(options, world, model, optimizer) : new RoundAveraging(rounds, model, optimizer);
        }
    }

    private static bool IsLinear(SynchronizationOptions options, Optimizer optimizer) =>
        options is { Period: "1", NodePeriod: 0, UpdaterState: UpdaterState.Average, Outer.Name: "mean" } && optimizer.IsLinear;

    /// <summary>Samples that the sum of this rank's gradients is divided by: its own, or those of the step.</summary>
    public virtual int Divisor(Batch batch) => batch.Count;

    /// <summary>Whether the gradients of a step are added up in the order of <see cref="GradientTree"/>; else one backward pass makes them, to travel while it goes on.</summary>
    public virtual bool AddsInOrder => true;

    /// <summary>Steps from now on in which the ranks have nothing to do with each other, the last one's <see cref="EndStep"/> excepted.</summary>
    public virtual int StepsAlone => 0;

    /// <summary>Called once, with the loader of <see cref="Shard"/>.</summary>
    public virtual void Bind(DataLoader loader) { }

    /// <summary>Called before a step.</summary>
    public virtual void BeginStep() { }

    /// <summary>Called before the forward pass of a step's last part, whose backward pass completes the gradients.</summary>
    public virtual void BeginLastPart(Tape tape) { }

    /// <summary>Called with this rank's gradients; with those of the step when it returns.</summary>
    /// <param name="state">The counters of the run before this step.</param>
    /// <param name="step">Its number, from 1.</param>
    public virtual void EndBackward(RunState state, long step) { }

    /// <summary>Whether the optimizer moves this rank's parameters in a step in which the rank had samples or had none.</summary>
    public virtual bool Updates(int samples) => samples > 0;

    /// <summary>A NaN or an infinity in what <see cref="EndBackward"/> gave.</summary>
    public virtual void Fail(TrainingDivergedException failure) => Progress.Failure ??= failure;

    /// <summary>Ends a step. True when the ranks have met and all hold the same parameters.</summary>
    /// <param name="state">The counters of the run after this step.</param>
    /// <param name="rate">The learning rate of the step.</param>
    /// <param name="mustMeet">The epoch ends, or the run is judged or saved or over.</param>
    public abstract bool EndStep(RunState state, float rate, bool mustMeet);

    /// <summary>Called when this rank takes no further step, before the run is judged, or saved if it was interrupted, for the last time; perhaps twice.</summary>
    /// <param name="state">The counters of the run.</param>
    /// <param name="cancel">Ends a wait for others.</param>
    public virtual void Conclude(RunState state, CancellationToken cancel) { }

    /// <summary>The last meeting: what the last round cost and whether replicas still agree.</summary>
    public virtual void Close(RunState state) => Meet(state, state.Step);

    /// <summary>What a run is judged by and leaves may differ from what the next round begins with; see <see cref="OuterOptimizer.Publish"/>.</summary>
    public virtual void Publish() { }

    /// <summary>Undoes <see cref="Publish"/>.</summary>
    public virtual void Withdraw() { }

    /// <summary>Gives back what lies on the device.</summary>
    public virtual void Dispose() { }

    /// <summary>Adds what a checkpoint needs besides model and optimizer. Every rank calls it.</summary>
    public virtual void Save(RunState state, List<SafetensorsTensor> tensors) { }

    /// <summary>Takes up what <see cref="Save"/> left, perhaps with another number of ranks; model and optimizer are restored.</summary>
    public virtual void Restore(RunState state, SafetensorsFile file) => RememberChecksum();

    /// <summary>Notes the values that all ranks hold now, for the next meeting to compare.</summary>
    protected void RememberChecksum()
    {
        if (Group.Size == 1) return;
        var trainable = Model.Parameters.Trainable;
        var address = Model.Device.HostAddress(trainable);
        if (address == null) trainable.CopyTo(_host ??= new float[trainable.Count]);
        ReadOnlySpan<float> values = address == null ? _host : new ReadOnlySpan<float>(address, trainable.Count);
        _checksum = Crc32C.Compute(MemoryMarshal.AsBytes(values));
    }

    /// <summary>Meets the other ranks: adds up what all did into the run's counters, and ends the run on all of them where one has failed.</summary>
    /// <param name="state">The counters.</param>
    /// <param name="step">The last step that is counted.</param>
    /// <exception cref="TrainingDivergedException">On every rank, when any met a NaN or an infinity.</exception>
    /// <exception cref="ReplicaException">On every rank, when the replicas differ.</exception>
    protected void Meet(RunState state, long step)
    {
        var mine = new RankStatus
        {
            Samples = Progress.Samples,
            LossSum = Progress.LossSum,
            HasFailed = Progress.Failure is not null,
            WantsStop = Progress.WantsStop,
            TimeIsOver = Progress.TimeIsOver,
            ComputeSeconds = Progress.ComputeSeconds,
            WaitSeconds = WaitSeconds,
            TransferSeconds = TransferSeconds,
            Bytes = SentBytes,
            SquaredDistance = SquaredDistance,
            SquaredNorm = SquaredNorm,
            Checksum = _checksum,
        };
        var started = Stopwatch.GetTimestamp();
        Gather(mine, _statuses);
        Timeline?.Add("wait", started);
        WaitSeconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        (TransferSeconds, SentBytes, SquaredDistance, SquaredNorm) = (0, 0, 0, 0);

        RequireHealth();
        RequireEquality(step);
        foreach (var status in _statuses)
        {
            state.Samples += (long)status.Samples;
            state.EpochSamples += (long)status.Samples;
            state.EpochLossSum += status.LossSum;
            state.IsStopWanted |= status.WantsStop;
        }
        state.IsTimeOver |= _statuses[0].TimeIsOver;
        (Progress.Samples, Progress.LossSum, Progress.ComputeSeconds) = (0, 0, 0);
        Report.Add(_statuses, step);
    }

    /// <summary>What all ranks have to say.</summary>
    protected virtual void Gather(in RankStatus mine, RankStatus[] all) => Group.AllGather<byte>(MemoryMarshal.AsBytes(new ReadOnlySpan<RankStatus>(in mine)), MemoryMarshal.AsBytes(all.AsSpan()));

    /// <summary>Runs something that moves data, and counts its time.</summary>
    protected void Transfer(string name, Action move)
    {
        var started = Stopwatch.GetTimestamp();
        move();
        TransferSeconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
        Timeline?.Add(name, started);
    }

    // All ranks throw the same, with the words of the first that failed.
    private void RequireHealth()
    {
        var failed = Array.FindIndex(_statuses, status => status.HasFailed);
        if (failed < 0) return;
        if (Group.Size == 1) throw Progress.Failure!;
        var words = Group.BroadcastBytes(failed == Group.Rank ? Encoding.UTF8.GetBytes($"{Progress.Failure!.Layer}\0rank {failed}: {Progress.Failure.Message}") : [], failed);
        Span<long> step = [Progress.Failure?.Step ?? 0];
        Group.Broadcast(step, failed);
        var parts = Encoding.UTF8.GetString(words).Split('\0', 2);
        throw new TrainingDivergedException(step[0], parts[0], parts[^1]);
    }

    private void RequireEquality(long step)
    {
        for (var rank = 1; rank < _statuses.Length; rank++)
            if (_statuses[rank].Checksum != _statuses[0].Checksum)
                throw new ReplicaException($"replicas: expected the same parameters on all ranks after the last synchronisation before step {step}, got CRC-32C {_statuses[0].Checksum:x8} on rank 0 and {_statuses[rank].Checksum:x8} on rank {rank}.");
    }
}
