namespace RawDL.Cuda;

public sealed unsafe partial class CudaDevice
{
    /// <summary>A batch from a dataset that lies on the device, as <c>DataLoader</c> makes it on the host: sample i is order[First + <see cref="StepState.Position"/> + i],
    /// in the epoch of the geometry plus <see cref="StepState.Epoch"/>. Beyond the order: 0 with label −1. The bits are those of the host.</summary>
    /// <param name="geometry">Sizes and augmentation.</param>
    /// <param name="images">Count images of [C, H, W] bytes, four to an element.</param>
    /// <param name="labels">int32 [Count].</param>
    /// <param name="order">int32 [Count]: the epoch's order.</param>
    /// <param name="mean">[C], or null for raw units (byte / 255).</param>
    /// <param name="scale">[C]: 1 / deviation; null with mean.</param>
    /// <param name="x">[Batch, C, H, W].</param>
    /// <param name="y">int32 [Batch].</param>
    internal void GatherImages(in GatherGeometry geometry, Tensor images, Tensor labels, Tensor order, Tensor? mean, Tensor? scale, Tensor x, Tensor y)
    {
        if (geometry.Batch == 0) return;
        var (g, bytes, classes, places, state) = (geometry, Address(images), Address(labels), Address(order), State);
        var (centre, slope, samples, targets) = (AddressOrZero(mean), AddressOrZero(scale), Address(x), Address(y));
        Launch(Get("data", "gather_images"), new Grid(g.Batch), 0, (nint)(&g), (nint)(&bytes), (nint)(&classes), (nint)(&places), (nint)(&state),
            (nint)(&centre), (nint)(&slope), (nint)(&samples), (nint)(&targets));
    }
}
