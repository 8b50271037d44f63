using RawDL.NN;

namespace RawDL.Cuda.Tests;

/// <summary>Several ranks, each with an emulated device of its own: how gradients and parameters travel.</summary>
public sealed class DistributedTests
{
    private static readonly DatasetPair s_data = Datasets.Open("digits", new DataOptions { TrainSize = 64, TestSize = 8 });

    private static TrainingConfiguration Configuration(SynchronizationOptions synchronization) => TrainingConfiguration.Parse("""
        { "name": "small", "seed": 5, "epochs": 2, "batch_size": 8, "optimizer": { "name": "adam", "learning_rate": 0.01 }, "layers": [
            { "type": "conv2d", "out_channels": 3, "kernel": 5, "activation": "relu" }, { "type": "max_pool2d", "kernel": 2 }, { "type": "linear", "out_channels": 10 } ] }
        """u8.ToArray()) with { Synchronization = synchronization };

    // Small buckets: several are on their way at once.
    private static SynchronizationOptions Gradients => new() { Kind = SynchronizationKind.Gradients, BucketBytes = 64 };

    [Test]
    public void Staged_gradients_train_as_those_of_the_cpu()
    {
        var expected = Train(Gradients, _ => new CpuDevice(1));
        var actual = Train(Gradients, _ => CudaDevices.OpenEmulated());
        Assert.That(Distance(actual, expected), Is.LessThan(1e-3));
    }

    [Test]
    public void A_communicator_that_reads_the_device_gets_its_addresses()
    {
        var staged = Train(Gradients, _ => CudaDevices.OpenEmulated());
        var direct = Train(Gradients, _ => CudaDevices.OpenEmulated(), communicator => new DeviceAware(communicator));
        Assert.That(direct, Is.EqualTo(staged));
    }

    [Test]
    public void Averaging_repeats_the_steps_between_two_meetings()
    {
        var options = new SynchronizationOptions { Kind = SynchronizationKind.Average, Period = "3", Deterministic = true };
        var repeated = Train(options, _ => CudaDevices.OpenEmulated());
        var single = Train(options, _ => CudaDevices.OpenEmulated(), repeats: false);
        Assert.That(repeated, Is.EqualTo(single));
    }

    private static float[] Train(SynchronizationOptions options, Func<int, Device> open, Func<ICommunicator, ICommunicator>? wrap = null, bool repeats = true)
    {
        var result = Array.Empty<float>();
        InProcessCommunicator.Run(2, communicator =>
        {
            using var device = open(communicator.Rank);
            using var trainer = new Trainer(Configuration(options), s_data, new TrainerOptions { Device = device, Communicator = wrap?.Invoke(communicator) ?? communicator, RepeatsSteps = repeats });
            trainer.Run();
            if (communicator.Rank == 0) result = trainer.Model.Parameters.Values.ToArray();
        });
        return result;
    }

    private static double Distance(float[] a, float[] b) => a.Zip(b, (x, y) => (double)MathF.Abs(x - y)).Max();

    /// <summary>The memory of an emulated device is the process's own.</summary>
    private sealed unsafe class DeviceAware(ICommunicator inner) : ICommunicator
    {
        public bool ReadsDeviceMemory => true;
        public int Rank => inner.Rank;
        public int Size => inner.Size;
        public void AllReduceSum(Span<float> values) => inner.AllReduceSum(values);
        public void AllReduceSum(Span<double> values) => inner.AllReduceSum(values);
        public ICommunicationRequest StartAllReduceSum(float* values, long count) => inner.StartAllReduceSum(values, count);
        public void ReduceScatterSum(ReadOnlySpan<float> values, Span<float> mine) => inner.ReduceScatterSum(values, mine);
        public void AllGather<T>(ReadOnlySpan<T> mine, Span<T> all) where T : unmanaged => inner.AllGather(mine, all);
        public void AllToAll<T>(ReadOnlySpan<T> outgoing, Span<T> incoming) where T : unmanaged => inner.AllToAll(outgoing, incoming);
        public void Broadcast<T>(Span<T> values, int root) where T : unmanaged => inner.Broadcast(values, root);
        public void Barrier() => inner.Barrier();
        public ICommunicator Split(int color, int key) => inner.Split(color, key);
        public ICommunicator SplitByNode() => inner.SplitByNode();
        public void Send<T>(ReadOnlySpan<T> values, int destination, int tag) where T : unmanaged => inner.Send(values, destination, tag);
        public ICommunicationRequest StartSend<T>(T* values, int count, int destination, int tag) where T : unmanaged => inner.StartSend(values, count, destination, tag);
        public MessageEnvelope Receive<T>(Span<T> values, int source, int tag) where T : unmanaged => inner.Receive(values, source, tag);
        public bool TryProbe<T>(int source, int tag, out MessageEnvelope message) where T : unmanaged => inner.TryProbe<T>(source, tag, out message);
        public MessageEnvelope Probe<T>(int source, int tag) where T : unmanaged => inner.Probe<T>(source, tag);
    }
}
