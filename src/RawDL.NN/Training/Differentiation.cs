namespace RawDL.NN;

/// <summary>The gradient of one replica's batch: in parts where memory is short, and where their sum in order makes the bits those of any number of ranks.</summary>
internal sealed class Differentiation(Model model, Tape tape, Synchronizer synchronizer, int batchSize) : IDisposable
{
    private readonly GradientTree _gradients = new(model.Parameters);

    /// <summary>Leaves this rank's part of the step's gradient, and gives the mean loss of the batch; a failure is noted for the next meeting.</summary>
    public double Run(Batch batch, long step)
    {
        var inOrder = synchronizer.AddsInOrder && model.IsSeparable;
        var size = PartSize(batch.Count, inOrder);
        var divisor = synchronizer.Divisor(batch);
        var sum = 0.0;
        if (!inOrder || batch.Count == 0) model.Parameters.BeginGradients();
        for (var first = 0; first < batch.Count; first += size)
        {
            var samples = batch.Part(first, Math.Min(size, batch.Count - first));
            var isLast = first + samples.Count == batch.Count;
            if (inOrder) _gradients.Begin(isLast);
            tape.Reset();
            (tape.Step, tape.FirstRow) = ((ulong)step, synchronizer.Shard.Rank * batchSize + first);
            if (isLast) synchronizer.BeginLastPart(tape);
            var input = tape.Input(samples.Inputs, samples.Shape);
            var loss = model.Loss(model.Forward(input), samples);
            var value = loss.Item();
            if (!float.IsFinite(value))
            {
                model.Parameters.EndGradients();
                if (inOrder) _gradients.Abandon();
                synchronizer.Progress.Failure = Divergence.OfForward(step, model, input, value);
                return double.NaN;
            }
            tape.Backward(loss, (float)((double)samples.Count / divisor));
            if (inOrder) _gradients.End();
            sum += (double)value * samples.Count;
        }
        model.Parameters.EndGradients();
        synchronizer.Progress.Samples += batch.Count;
        synchronizer.Progress.LossSum += sum;
        return batch.Count > 0 ? sum / batch.Count : double.NaN;
    }

    public void Dispose() => _gradients.Dispose();

    private int PartSize(int count, bool inOrder)
    {
        var (accumulation, batch) = (model.Configuration.Synchronization.Accumulation, model.Configuration.BatchSize);
        var size = accumulation == 1 ? count : batch > 0 ? batch : (count + accumulation - 1) / accumulation;
        return Math.Max(1, inOrder ? Math.Min(size, model.Device.GradientPart) : size);
    }
}
