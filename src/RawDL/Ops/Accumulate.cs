namespace RawDL;

public static partial class TensorOps
{
    /// <summary>target ← target + source, in place.</summary>
    /// <param name="target">Any shape.</param>
    /// <param name="source">As many elements, on the same device.</param>
    /// <exception cref="ShapeException">Another number of elements.</exception>
    public static void Accumulate(this Tensor target, Tensor source) => target.Device.Region(Whole(target, source, nameof(Accumulate)), source, target, Store.Add);

    /// <summary>target ← source, on the device.</summary>
    /// <param name="target">Any shape.</param>
    /// <param name="source">As many elements, on the same device.</param>
    /// <exception cref="ShapeException">Another number of elements.</exception>
    public static void CopyFrom(this Tensor target, Tensor source) => target.Device.Region(Whole(target, source, nameof(CopyFrom)), source, target, Store.Overwrite);

    private static RegionGeometry Whole(Tensor target, Tensor source, string operation)
    {
        if (target.Count != source.Count) throw new ShapeException($"{operation}: expected {target.Count} elements for {target.Shape}, got {source.Shape}.");
        return new RegionGeometry(1, 1, 1, target.Count, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
    }
}
