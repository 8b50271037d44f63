namespace RawDL;

/// <summary>A training step that a device repeats without the host: it draws its batch from data that lie on the device, finds its place in the run, its
/// rule and its random numbers by counters there, and leaves its loss there. One run of steps is <see cref="Begin"/>, <see cref="Run"/> for each step, <see cref="End"/>.</summary>
/// <remarks>The first step of a batch size is computed at once, the second is recorded, and from then on it is replayed. A step whose loss or
/// gradients are not finite changes no parameter, and no step after it does.</remarks>
public abstract class ResidentStep : IDisposable
{
    /// <summary>Steps of one run at most.</summary>
    public const int MostSteps = 4096;

    /// <summary>Prepares a run of steps.</summary>
    /// <param name="order">The samples of the epoch in their order; empty when it is the order of the last call.</param>
    /// <param name="position">Samples of the epoch that are already used.</param>
    /// <param name="step">Number of the first step, from 1.</param>
    /// <param name="epoch">The epoch, from 0, for the random numbers of the augmentation.</param>
    public abstract void Begin(ReadOnlySpan<int> order, int position, long step, int epoch);

    /// <summary>Adds the rule and the segments of the next step of the run; as many of each size as the steps that follow.</summary>
    public abstract void Plan<TRule>(TRule rule, ReadOnlySpan<UpdateSegment> segments) where TRule : unmanaged, IUpdateRule;

    /// <summary>Does a step, or replays what <paramref name="work"/> did when it was last called for that batch size.</summary>
    /// <param name="batch">Samples of the step.</param>
    /// <param name="work">Calls <see cref="Gather"/>, the operations of the network, <see cref="KeepLoss"/>, <see cref="CheckGradients"/> and <see cref="Update"/>.</param>
    public abstract void Run(int batch, Action work);

    /// <summary>Waits for the run. Entries beyond the number of good steps are undefined.</summary>
    /// <param name="losses">Loss of each step.</param>
    /// <returns>Steps that changed the parameters: fewer than were run when the loss or the gradients of the next one are not finite.</returns>
    public abstract int End(Span<float> losses);

    /// <summary>The batch of the step: samples [N, …] as the host would normalise and augment them, labels [N].</summary>
    public abstract void Gather(Tensor samples, Tensor labels);

    /// <summary>Keeps the loss of the step.</summary>
    public abstract void KeepLoss(Tensor loss);

    /// <summary>Lets the step fail where a gradient is not finite.</summary>
    public abstract void CheckGradients(Tensor gradients);

    /// <summary><see cref="Device.Update"/> with the rule and the segments planned for the step.</summary>
    public abstract void Update<TRule>(Tensor values, Tensor gradients, ReadOnlySpan<Tensor> states) where TRule : unmanaged, IUpdateRule;

    /// <summary>Gives the device's memory back.</summary>
    public abstract void Dispose();
}

/// <summary>Samples of bytes with labels, and how they become a batch: value = (byte/255 − mean)·scale per channel, after the augmentation.</summary>
/// <param name="Geometry">The samples as images [C, H, W], and how they are moved and bent; of no batch yet.</param>
/// <param name="Bytes">All samples, one after the other.</param>
/// <param name="Labels">One per sample.</param>
/// <param name="Mean">Per channel.</param>
/// <param name="Scale">Per channel: the reciprocal of the deviation.</param>
public sealed record ResidentData(GatherGeometry Geometry, ReadOnlyMemory<byte> Bytes, ReadOnlyMemory<int> Labels, float[] Mean, float[] Scale);
