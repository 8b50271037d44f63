using System.Runtime.InteropServices;

namespace RawDL.Cuda;

/// <summary>Where a run of steps stands that the device repeats without the host: kernels/geometry.cuh.</summary>
/// <param name="Step">Added to the step of a dropout.</param>
/// <param name="Index">Entry of the tables and histories that have one entry per step.</param>
/// <param name="Position">Samples of the epoch's order that are behind.</param>
/// <param name="Epoch">Added to the epoch of an augmentation.</param>
/// <param name="Unused">0.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct StepState(ulong Step, uint Index, uint Position, uint Epoch, uint Unused = 0);

public sealed unsafe partial class CudaDevice
{
    private DeviceBuffer? _state;

    /// <summary>The address of the <see cref="StepState"/>: all 0 until someone writes it.</summary>
    private ulong State
    {
        get
        {
            if (_state is null)
            {
                _state = Allocate(sizeof(StepState) / 4);
                _driver.Set(Address(_state, 0), 0, (nuint)_state.Length);
            }
            return Address(_state, 0);
        }
    }

    /// <summary>The address of a table of rules, one per step, which <see cref="Update"/> reads at <see cref="StepState.Index"/>; 0: it takes the caller's.</summary>
    internal ulong RuleTable { get; set; }

    /// <summary>The address of a table of segments [steps, segments] which <see cref="Update"/> reads at <see cref="StepState.Index"/>; 0: it takes the caller's.</summary>
    internal ulong SegmentTable { get; set; }

    /// <summary>Sets where the device stands.</summary>
    internal void WriteState(StepState state) => _driver.Upload(State, &state, (nuint)sizeof(StepState));

    /// <summary>Where the device stands. Waits.</summary>
    internal StepState ReadState()
    {
        StepState state;
        _driver.Download(&state, State, (nuint)sizeof(StepState));
        return state;
    }

    /// <summary>Ends a step: Step + 1, Index + 1, Position + <paramref name="samples"/>.</summary>
    internal void AdvanceStep(int samples)
    {
        var state = State;
        Launch(Get("step", "advance_step"), new Grid(1), 0, (nint)(&state), (nint)(&samples));
    }

    /// <summary>history[Index] = value, a tensor of one element.</summary>
    internal void StoreScalar(Tensor value, Tensor history)
    {
        var (from, to, state) = (Address(value), Address(history), State);
        Launch(Get("step", "store_scalar"), new Grid(1), 0, (nint)(&from), (nint)(&to), (nint)(&state));
    }

    /// <summary>history[Index] = Σ x² as a double: the history has two elements per step.</summary>
    internal void StoreSquares(Tensor x, Tensor history)
    {
        var (to, state) = (Address(history), State);
        var partial = PartialSquares(x, out var pieces);
        Launch(Get("step", "store_squares"), new Grid(1), 0, (nint)(&partial), (nint)(&pieces), (nint)(&to), (nint)(&state));
    }
}
