using System.Runtime.InteropServices;

namespace RawDL;

/// <summary>What a tape is for.</summary>
public enum TapeMode
{
    /// <summary>A training step: gradients are recorded, dropout drops, batch norm uses and updates batch statistics.</summary>
    Training,

    /// <summary>Evaluation: the same code, nothing recorded, dropout is the identity, batch norm uses running statistics.</summary>
    Inference,
}

/// <summary>One step: its memory and its history. The tape comes with the data (<see cref="Input"/>), results carry it on, weights have none.</summary>
/// <remarks>After <see cref="Reset"/> all tensors of the step are void: they and their buffers serve the next one, so from the second step of a
/// shape on neither device memory nor managed memory is allocated. Source of the scheme: reverse accumulation, Griewank and Walther, Evaluating Derivatives, 2008, chapter 3.</remarks>
public sealed class Tape : IDisposable
{
    private readonly Dictionary<int, Stack<DeviceBuffer>> _pool = [];
    private readonly List<DeviceBuffer> _inUse = [];
    // Tensors and entries of the last step serve the next one, so a step of the same operations makes no objects.
    private readonly List<Tensor> _tensors = [];
    private readonly List<Entry> _history = [];
    private int _made, _recorded;
    // By what a product reads of them: weights that were used once, and null; or twice and more, and packed where the device packs.
    private readonly Dictionary<(DeviceBuffer Buffer, int Offset, int Inner, int Columns, Transpose Transpose), DeviceBuffer?> _packed = [];

    /// <summary>Creates an empty tape on a device.</summary>
    public Tape(Device device, TapeMode mode = TapeMode.Training)
    {
        ArgumentNullException.ThrowIfNull(device);
        Device = device;
        Mode = mode;
    }

    /// <summary>The device that runs the step.</summary>
    public Device Device { get; }

    /// <summary>Training or inference.</summary>
    public TapeMode Mode { get; }

    /// <summary>True when gradients are recorded.</summary>
    public bool IsTraining => Mode == TapeMode.Training;

    /// <summary>Whether tensors without a tape, the weights, keep their values as long as this tape lives. Products by a weight then keep it packed from its second use on;
    /// results are the same bits. What is written to such a weight in the meantime may not be seen.</summary>
    /// <exception cref="ArgumentException">Set for a tape that trains.</exception>
    public bool FixedWeights
    {
        get;
        init => field = !value || !IsTraining ? value : throw new ArgumentException("Tape.FixedWeights: expected a tape for inference, got one for training.");
    }

    /// <summary>Seed of the counter-based random numbers of this tape's operations (dropout).</summary>
    public ulong Seed { get; set; }

    /// <summary>Number of the step, the other half of the random counter; the trainer sets it, so a step draws the same numbers after a resume.</summary>
    public ulong Step { get; set; }

    /// <summary>Where the rows of this tape stand in a step that several tapes share: row r is row FirstRow + r of the whole.</summary>
    public int FirstRow { get; set; }

    /// <summary>Told each place of <see cref="Mark"/> when a backward pass has come there; set before the forward pass, forgotten by <see cref="Reset"/>.</summary>
    public Action<object>? Passed { get; set; }

    /// <summary>Copies host data into the step. No gradient is kept for it.</summary>
    /// <exception cref="ShapeException">The data has not <c>shape.Count</c> elements.</exception>
    public Tensor Input(ReadOnlySpan<float> data, Shape shape)
    {
        if (data.Length != shape.Count)
            throw new ShapeException($"Tape.Input: expected {shape.Count} elements for {shape}, got {data.Length}.");
        var tensor = Allocate(shape);
        Device.Upload(data, tensor.Buffer, tensor.Offset);
        return tensor;
    }

    /// <summary>Copies host data into the step and keeps its gradient: for differentiation by the data.</summary>
    /// <exception cref="ShapeException">The data has not <c>shape.Count</c> elements.</exception>
    public Tensor Variable(ReadOnlySpan<float> data, Shape shape)
    {
        var tensor = Input(data, shape);
        if (IsTraining) tensor.Gradient = AllocateZero(shape);
        return tensor;
    }

    /// <summary>Copies integer labels into the step, shape [N].</summary>
    public Tensor Labels(ReadOnlySpan<int> labels)
    {
        var tensor = Allocate(new Shape(labels.Length));
        Device.Upload(labels, tensor.Buffer, tensor.Offset);
        return tensor;
    }

    /// <summary>Memory for a result, uninitialised, valid until <see cref="Reset"/>.</summary>
    public Tensor Allocate(Shape shape) => View(Rent(shape.Count), 0, shape);

    /// <summary>As <see cref="Allocate"/>, filled with zeros.</summary>
    public Tensor AllocateZero(Shape shape)
    {
        var tensor = Allocate(shape);
        Device.Fill(tensor, 0f);
        return tensor;
    }

    /// <summary>A tensor of the step over memory that lasts at least as long, valid until <see cref="Reset"/>.</summary>
    /// <exception cref="ShapeException">The view does not lie inside the buffer.</exception>
    public Tensor View(DeviceBuffer buffer, int offset, Shape shape)
    {
        if (_made == _tensors.Count) _tensors.Add(new Tensor(buffer, offset, shape, this));
        else _tensors[_made].Become(buffer, offset, shape);
        return _tensors[_made++];
    }

    /// <summary>Notes how to carry the gradient of <paramref name="output"/> to its inputs, and gives it a gradient of zeros (<see cref="Tensor.Gradient"/>). Does nothing in inference.</summary>
    /// <param name="output">The result of an operation.</param>
    /// <param name="state">What <paramref name="backward"/> needs: operands, result, geometry.</param>
    /// <param name="backward">Adds to the gradients of the inputs that have one; reads <c>output.Gradient</c>. A static function, else every step makes it anew.</param>
    public void Record<TState>(Tensor output, TState state, Action<TState> backward)
    {
        if (!IsTraining) return;
        output.BeginGradient(Allocate(output.Shape));
        Note(state, backward);
    }

    /// <summary>Notes a place in the history: the gradients of what is recorded from here on are complete when <see cref="Passed"/> is told of it.</summary>
    public void Mark(object place)
    {
        if (IsTraining && Passed is { } passed) Note((passed, place), static step => step.passed(step.place));
    }

    /// <summary>Runs the history backwards from ∂loss/∂loss = <paramref name="seed"/>; parameter gradients are added to.</summary>
    /// <param name="loss">A recorded result; every element of its gradient is set to <paramref name="seed"/>.</param>
    /// <param name="seed">1 for the gradient itself; another value scales it.</param>
    /// <exception cref="InvalidOperationException">The loss was not recorded by this tape.</exception>
    public void Backward(Tensor loss, float seed = 1f)
    {
        if (loss.Tape != this || loss.TakeGradient(out _) is not { } gradient)
            throw new InvalidOperationException("Tape.Backward: expected a loss recorded by this tape in training mode.");
        Device.Fill(gradient, seed);
        for (var i = _recorded - 1; i >= 0; i--) _history[i].Run();
    }

    /// <summary>Forgets the step; its buffers go back to the pool.</summary>
    public void Reset()
    {
        (_made, _recorded) = (0, 0);
        Passed = null;
        foreach (var buffer in _inUse)
        {
            if (!_pool.TryGetValue(buffer.Length, out var free)) _pool[buffer.Length] = free = new Stack<DeviceBuffer>();
            free.Push(buffer);
        }
        _inUse.Clear();
    }

    /// <summary>A weight as products read it, or null where they read it as it lies.</summary>
    internal DeviceBuffer? Packed(in MatMulGeometry geometry, Tensor weight)
    {
        if (!FixedWeights || weight.Tape is not null) return null;
        ref var packed = ref CollectionsMarshal.GetValueRefOrAddDefault(_packed, (weight.Buffer, weight.Offset, geometry.Inner, geometry.Columns, geometry.Transpose), out var isKnown);
        if (isKnown) packed ??= Device.PackRight(geometry, weight);
        return packed;
    }

    /// <summary>Frees all memory of the tape.</summary>
    public void Dispose()
    {
        Reset();
        foreach (var packed in _packed.Values) packed?.Dispose();
        _packed.Clear();
        foreach (var free in _pool.Values)
            while (free.TryPop(out var buffer)) buffer.Dispose();
    }

    /// <summary>The tape of the first operand that has one.</summary>
    /// <exception cref="InvalidOperationException">No operand has a tape.</exception>
    public static Tape Of(Tensor a, Tensor? b = null) =>
        a.Tape ?? b?.Tape ?? throw new InvalidOperationException(
            "Tape.Of: expected an operand that was made by a tape, got only free tensors; bring the data in with Tape.Input.");

    private DeviceBuffer Rent(int length)
    {
        var buffer = _pool.TryGetValue(length, out var free) && free.TryPop(out var pooled) ? pooled : Device.Allocate(length);
        _inUse.Add(buffer);
        return buffer;
    }

    private void Note<TState>(TState state, Action<TState> action)
    {
        if (_recorded == _history.Count) _history.Add(new Entry<TState>());
        if (_history[_recorded] is not Entry<TState> entry) _history[_recorded] = entry = new Entry<TState>();
        (entry.State, entry.Action) = (state, action);
        _recorded++;
    }

    private abstract class Entry
    {
        public abstract void Run();
    }

    private sealed class Entry<TState> : Entry
    {
        public TState State { get; set; } = default!;
        public Action<TState> Action { get; set; } = default!;

        public override void Run() => Action(State);
    }
}
