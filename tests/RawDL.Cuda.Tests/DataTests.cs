using System.Runtime.InteropServices;
using RawDL.NN;

namespace RawDL.Cuda.Tests;

/// <summary>Batches that are made on the device have the bits of those that DataLoader makes.</summary>
internal sealed class DataTests : EmulatedFixture
{
    private const int Count = 23, Batch = 5;

    private static IEnumerable<TestCaseData> Augmentations =>
    [
        new TestCaseData(new Augmentation(), 0).SetName("Batches_are_those_of_the_loader(plain)"),
        new TestCaseData(new Augmentation(Shift: 2.5f), 3).SetName("Batches_are_those_of_the_loader(shifted)"),
        new TestCaseData(new Augmentation(Rotation: 30), 0).SetName("Batches_are_those_of_the_loader(turned)"),
        new TestCaseData(new Augmentation(Shift: 1, Scale: 0.3f), 1).SetName("Batches_are_those_of_the_loader(shifted and scaled)"),
        new TestCaseData(new Augmentation(Elastic: 2), 2).SetName("Batches_are_those_of_the_loader(elastic)"),
        new TestCaseData(new Augmentation(2, 180, 0.5f, 1.5f), 70000).SetName("Batches_are_those_of_the_loader(everything)"),
    ];

    [TestCaseSource(nameof(Augmentations))]
    public void Batches_are_those_of_the_loader(Augmentation augmentation, int epoch)
    {
        var shape = new Shape(2, 9, 13);
        var random = new Random(5);
        var (samples, labels) = (new byte[Count * shape.Count + 2], new int[Count]);
        random.NextBytes(samples);
        for (var i = 0; i < Count; i++) labels[i] = random.Next(3);
        var dataset = new ByteDataset("bytes", shape, samples[..(Count * shape.Count)], labels, ["a", "b", "c"]);
        foreach (var normalization in (Normalization?[])[null, new([0.3f, 0.41f], [0.21f, 0.17f])])
        {
            using var loader = new DataLoader(dataset, new DataLoaderOptions { BatchSize = Batch, Seed = 11, Normalization = normalization, Augmentation = augmentation });
            var order = new List<int>();
            for (loader.Start(epoch); loader.TryNext(out var batch);) order.AddRange(batch.Indices);

            Tensor[] held =
            [
                Tensor(Device, MemoryMarshal.Cast<byte, int>(samples)), Tensor(Device, labels), Tensor(Device, order.ToArray()),
                Tensor(Device, new float[Batch * shape.Count]), Tensor(Device, new int[Batch]),
                Tensor(Device, normalization?.Mean ?? []), Tensor(Device, normalization is null ? [] : Array.ConvertAll(normalization.Std, std => 1f / std)),
            ];
            var (images, classes, places, x, y) = (held[0], held[1], held[2], held[3], held[4]);
            // Half of the epoch's number stands in the state.
            var geometry = new GatherGeometry(11, Batch, 2, 9, 13, Count, 0, epoch / 2, augmentation.Shift, augmentation.Rotation, augmentation.Scale, augmentation.Elastic);
            Cuda.WriteState(new StepState(0, 0, 0, (uint)(epoch - epoch / 2)));
            for (loader.Start(epoch); loader.TryNext(out var batch);)
            {
                Cuda.GatherImages(geometry, images, classes, places, normalization is null ? null : held[5], normalization is null ? null : held[6], x, y);
                Cuda.AdvanceStep(Batch);
                var got = new int[Batch];
                Device.Download(y.Buffer, 0, got);
                Assert.That(got, Is.EqualTo((int[])[.. batch.Labels, .. Enumerable.Repeat(-1, Batch - batch.Count)]));
                Assert.That(Bits(x.ToArray()[..batch.Inputs.Length]), Is.EqualTo(Bits(batch.Inputs.ToArray())));
                Assert.That(x.ToArray()[batch.Inputs.Length..], Is.All.Zero);
            }
            Cuda.WriteState(default);
            foreach (var tensor in held) tensor.Buffer.Dispose();
        }
    }
}
