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
}
