namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <inheritdoc/>
    /// <remarks>The same bits as on the CPU, at the geometry's step plus the <see cref="StepState.Step"/> of the device.</remarks>
    protected override void Dropout(in DropoutGeometry geometry, Tensor source, Tensor target, Store store)
    {
        if (geometry.Count == 0) return;
        var kernel = Get("dropout", "dropout");
        var (g, state, from, to, how) = (geometry, State, Address(source), Address(target), store);
        Launch(kernel, Blocks(g.Count, kernel, 4), 0, (nint)(&g), (nint)(&state), (nint)(&from), (nint)(&to), (nint)(&how));
    }
}
