namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <summary>A kernel that does nothing.</summary>
    internal void ProbeLaunch()
    {
        var nothing = 0;
        Launch(Get("probe", "probe_launch"), new Grid(1), 0, (nint)(&nothing));
    }

    /// <summary>Fused multiply-adds in registers; <paramref name="y"/> has 256 elements per block.</summary>
    /// <returns>How many.</returns>
    internal double ProbeMultiplyAdd(Tensor y, int rounds)
    {
        var (to, factor, kernel) = (Address(y), 0.5f, Get("probe", "probe_multiply_add"));
        Launch(kernel, new Grid(y.Count / kernel.Threads), 0, (nint)(&to), (nint)(&rounds), (nint)(&factor));
        return 64.0 * rounds * y.Count;
    }

    /// <summary>y = x, of a multiple of 4 elements.</summary>
    internal void ProbeCopy(Tensor x, Tensor y)
    {
        var (from, to, count, kernel) = (Address(x), Address(y), x.Count / 4, Get("probe", "probe_copy"));
        Launch(kernel, Blocks(count, kernel), 0, (nint)(&from), (nint)(&to), (nint)(&count));
    }

    /// <summary>Barriers of as many blocks as there are multiprocessors; <paramref name="counter"/> is 0 before the first.</summary>
    internal void ProbeGridBarrier(Tensor counter, int rounds)
    {
        var at = Address(counter);
        Launch(Get("probe", "probe_grid_barrier"), new Grid(Properties.Multiprocessors), 0, (nint)(&at), (nint)(&rounds));
    }
}
