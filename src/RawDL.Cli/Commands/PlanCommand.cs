using System.CommandLine;
using System.Globalization;
using RawDL.NN;

namespace RawDL.Cli;

/// <summary><c>rawdl plan</c>: which averaging period pays, from the measured step and the measured or given link.</summary>
internal sealed class PlanCommand
{
    private const int MeetingValues = 12;

    private readonly TrainingChoice _training = new();
    private readonly DeviceChoice _device = new();
    private readonly World _world = new();
    private readonly Option<float?> _bandwidth = Values.Number("--bandwidth", "GB/s of the link between two ranks, instead of measuring it.", 0, 1e6f);
    private readonly Option<float?> _latency = Values.Number("--latency", "Beside --bandwidth: microseconds of a message; 10 by default.", 0, 1e9f);
    private readonly Option<int?> _ranks = Values.Integer("--ranks", "Beside --bandwidth: number of ranks.", 2, 1_000_000);
    private readonly Option<float?> _share = Values.Number("--share", "Percent of the time that communication may take; 5 by default.", 0, 99);
    private readonly Option<float?> _seconds = Values.Number("--seconds", "Time to measure steps; 3 by default.", 0, 3600);

    public static Command Create()
    {
        var plan = new PlanCommand();
        var command = new ExampleCommand("plan", "Foresee from the measured step and link which averaging period pays.",
            "mpiexec -n 4 rawdl plan --data mnist", "rawdl plan --workers 2", "rawdl plan --model lenet --bandwidth 1.2 --latency 30 --ranks 16 --json")
        {
            plan._bandwidth, plan._latency, plan._ranks, plan._share, plan._seconds,
        };
        plan._training.AddTo(command);
        plan._device.AddTo(command);
        plan._world.AddTo(command);
        command.SetAction(parsed => plan._world.Run(parsed, (session, communicator) => plan.Run(parsed, session, communicator)));
        return command;
    }

    private int Run(ParseResult parsed, Session session, ICommunicator communicator)
    {
        Signals.Watched = true;
        CheckLink(parsed, communicator);
        using var device = _device.Open(parsed, session, communicator);
        var configuration = communicator.Rank == 0 ? _training.Begin(parsed, session) : null;
        var data = _training.Share(parsed, session, communicator, ref configuration);
        session.Say($"Measuring steps of {configuration!.Name} on {device}.");
        var step = new StepBenchmark(configuration, data.Train, device, parsed.GetValue(_seconds) ?? 3, Signals.Stop);
        var link = parsed.GetValue(_bandwidth) is null ? $"measured between {World.Describe(communicator)}" : "as given";
        var plan = Foresee(parsed, communicator, step, configuration.Synchronization);
        var share = (parsed.GetValue(_share) ?? 5) / 100.0;
        session.Emit(
            json =>
            {
                json.WriteStartObject();
                json.WriteString("network", configuration.Name);
                json.WriteString("device", device.ToString());
                json.WriteString("link", link);
                plan.WriteJson(json, share);
                json.WriteEndObject();
            },
            text =>
            {
                text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Network:  {configuration.Name}, {step.Gradients:N0} parameters, on {device}; link {link}"));
                plan.Write(text, share);
            });
        return (int)ExitCode.Ok;
    }

    private void CheckLink(ParseResult parsed, ICommunicator communicator)
    {
        if (parsed.GetValue(_bandwidth) is null)
        {
            foreach (var option in (Option[])[_latency, _ranks])
                if (parsed.GetResult(option) is not null) throw new UsageException($"{option.Name}: expected --bandwidth beside it, got none.");
            if (communicator.Size == 1) throw new UsageException("plan: expected a link to measure (mpiexec or --workers) or --bandwidth with --ranks, got one rank.");
        }
        else if (parsed.GetValue(_ranks) is null && communicator.Size == 1)
        {
            throw new UsageException("--bandwidth: expected --ranks beside it, got none.");
        }
    }

    // The slowest rank counts: the others wait for it.
    private AveragingPlan Foresee(ParseResult parsed, ICommunicator communicator, StepBenchmark step, SynchronizationOptions options)
    {
        var times = new double[2 * communicator.Size];
        communicator.AllGather<double>([step.Step, step.Backward], times);
        var (slowest, backward) = (0.0, 0.0);
        for (var i = 0; i < times.Length; i += 2)
            if (times[i] > slowest) (slowest, backward) = (times[i], times[i + 1]);
        var gradientBytes = (long)step.Gradients * (options.Wire == WireFormat.Float32 ? sizeof(float) : sizeof(ushort));
        var ranks = parsed.GetValue(_ranks) ?? communicator.Size;
        double round, gradient, meeting;
        if (parsed.GetValue(_bandwidth) is { } bandwidth)
        {
            var latency = 1e-6 * (parsed.GetValue(_latency) ?? 10);
            // Allreduce as a ring: 2(N − 1) messages of S/N bytes. Source: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009), 117-124.
            double Ring(double bytes) => 2 * (ranks - 1) * (latency + bytes / ranks / (1e9 * bandwidth));
            (round, gradient, meeting) = (Ring(step.Averaged * (double)sizeof(float)), Ring(gradientBytes), (ranks - 1) * latency);
        }
        else
        {
            var link = new CollectiveBenchmark(communicator);
            var values = new float[Math.Max(step.Averaged, step.Gradients)];
            double[] mine = new double[MeetingValues], all = new double[MeetingValues * communicator.Size];
            round = link.Measure(() => communicator.AllReduceSum(values.AsSpan(0, step.Averaged)));
            // Half as many floats stand for numbers of half the size.
            gradient = link.Measure(() => communicator.AllReduceSum(values.AsSpan(0, (int)(gradientBytes / sizeof(float)))));
            meeting = link.Measure(() => communicator.AllGather<double>(mine, all));
        }
        return new AveragingPlan(ranks, step.Samples, slowest, backward, step.Averaged * (long)sizeof(float), round + meeting, gradientBytes, gradient, meeting);
    }
}
