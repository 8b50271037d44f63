using System.Diagnostics;
using System.Runtime.InteropServices;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary>Times the training step of a configuration on this rank, without any communication.</summary>
internal sealed class StepBenchmark
{
    private const int FewestSteps = 5, WarmSteps = 2;

    /// <summary>Runs steps for a while, from first values on.</summary>
    public StepBenchmark(TrainingConfiguration configuration, Dataset train, Device device, double seconds, CancellationToken stop)
    {
        using var model = Model.Create(configuration, train, device);
        using var optimizer = configuration.CreateOptimizer();
        optimizer.Attach(model.Parameters);
        using var loader = new DataLoader(train, new DataLoaderOptions
        {
            BatchSize = configuration.BatchSize,
            Seed = configuration.Seed,
            Normalization = model.Normalization,
            Augmentation = configuration.Augmentation,
        });
        using var tape = new Tape(device) { Seed = configuration.Seed };
        var options = configuration.Synchronization;
        Gradients = model.Parameters.TrainableCount;
        Averaged = model.Parameters.Count + (options.UpdaterState == UpdaterState.Average ? optimizer.States.Count * Gradients : 0);
        var epoch = 0;
        loader.Start(epoch);
        List<double> steps = [], backwards = [];
        var clock = Stopwatch.StartNew();
        for (var step = 1; steps.Count < FewestSteps || clock.Elapsed.TotalSeconds < seconds; step++)
        {
            stop.ThrowIfCancellationRequested();
            var (began, backward, samples) = (Stopwatch.GetTimestamp(), 0.0, 0);
            model.Parameters.BeginGradients();
            for (var part = 0; part < options.Accumulation; part++)
            {
                if (!loader.TryNext(out var batch))
                {
                    loader.Start(++epoch);
                    loader.TryNext(out batch);
                }
                tape.Reset();
                tape.Step = (ulong)step;
                var loss = model.Loss(model.Forward(tape.Input(batch.Inputs, batch.Shape)), batch);
                loss.Item();
                var middle = Stopwatch.GetTimestamp();
                tape.Backward(loss, 1f / options.Accumulation);
                device.Synchronize();
                backward += Stopwatch.GetElapsedTime(middle).TotalSeconds;
                samples += batch.Count;
            }
            model.Parameters.EndGradients();
            optimizer.GradientNorm();
            optimizer.Step(step, optimizer.LearningRate);
            device.Synchronize();
            // The runtime compiles better what it has seen a few times.
            if (step <= WarmSteps) continue;
            steps.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
            backwards.Add(backward);
            Samples = Math.Max(Samples, samples);
        }
        (Step, Backward) = (Median.Of(CollectionsMarshal.AsSpan(steps)), Median.Of(CollectionsMarshal.AsSpan(backwards)));
    }

    /// <summary>Median time of a step, s.</summary>
    public double Step { get; }

    /// <summary>Median time of the backward passes of a step, s.</summary>
    public double Backward { get; }

    /// <summary>Samples of a full step.</summary>
    public int Samples { get; }

    /// <summary>Floats of the gradient.</summary>
    public int Gradients { get; }

    /// <summary>Floats that are averaged: parameters, running statistics, and the optimizer's states where they are averaged too.</summary>
    public int Averaged { get; }
}
