namespace RawDL.NN.Tests;

/// <summary>Trains with several ranks as threads of this process, each with its own device, model and data loader.</summary>
internal static class RankRuns
{
    internal sealed record Outcome(TrainerResult Result, float[] Values);

    /// <summary>Drawn digits, few enough for a test.</summary>
    public static readonly DatasetPair Digits150 = Digits.Open(seed: 5, train: 150, test: 40);

    public static Outcome[] Train(int ranks, TrainingConfiguration configuration, DatasetPair data, RunFolder? folder = null,
        Func<int, Trainer, IRunEvents?>? events = null, Func<int, CancellationToken>? cancel = null, string? trace = null)
    {
        var outcomes = new Outcome[ranks];
        void Body(ICommunicator communicator)
        {
            var rank = communicator.Rank;
            var device = new CpuDevice(1);
            var late = new Late();
            using (var trainer = new Trainer(configuration, data, new TrainerOptions { Device = device, Communicator = communicator, Folder = rank == 0 ? folder : null, Events = late, Trace = trace }))
            {
                late.Inner = events?.Invoke(rank, trainer);
                var result = trainer.Run(cancel?.Invoke(rank) ?? CancellationToken.None);
                outcomes[rank] = new Outcome(result, trainer.Model.Parameters.Values.ToArray());
            }
            device.Dispose();
            Assert.That(device.LiveBytes, Is.Zero);
        }
        if (ranks == 1) Body(new SoloCommunicator());
        else InProcessCommunicator.Run(ranks, Body);
        // Between two poolings of running statistics, where a run may be interrupted, each rank has its own behind the trainable values.
        var length = outcomes[0].Result.Status == RunStatus.Interrupted ? outcomes[0].Result.Parameters : outcomes[0].Values.Length;
        for (var rank = 1; rank < ranks; rank++) Assert.That(outcomes[rank].Values[..length], Is.EqualTo(outcomes[0].Values[..length]), $"parameters of rank {rank}");
        return outcomes;
    }

    public static double LargestDifference(float[] a, float[] b)
    {
        Assert.That(a, Has.Length.EqualTo(b.Length));
        var largest = 0.0;
        for (var i = 0; i < a.Length; i++) largest = Math.Max(largest, Math.Abs((double)a[i] - b[i]));
        return largest;
    }

    // The listener wants the trainer, which wants its listener first.
    private sealed class Late : IRunEvents
    {
        public IRunEvents? Inner;

        public void Stepped(in StepProgress progress) => Inner?.Stepped(progress);

        public void Warned(string message) => Inner?.Warned(message);
    }

    /// <summary>Does something after each step.</summary>
    public sealed class AfterStep(Action<long> act) : IRunEvents
    {
        public void Stepped(in StepProgress progress) => act(progress.Step);
    }
}
