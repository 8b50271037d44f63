namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    protected override void Region(in RegionGeometry geometry, Tensor source, Tensor target, Store store)
    {
        var count = (long)geometry.D0 * geometry.D1 * geometry.D2 * geometry.D3;
        if (count == 0) return;
        var kernel = Get("region", "region");
        var (g, from, to, how) = (geometry, Address(source), Address(target), store);
        Launch(kernel, Blocks(count, kernel), 0, (nint)(&g), (nint)(&from), (nint)(&to), (nint)(&how));
    }
}
