using System.Globalization;

namespace RawDL.NN.Tests;

/// <summary>A model of bare parameters with weights and gradients from formulas that are exact in float32.</summary>
internal sealed class OptimizerProbe : IDisposable
{
    private sealed class Declared((string Name, Shape Shape, ParameterKind Kind)[] parameters) : Layer
    {
        public override string Type => "declared";

        protected internal override void WriteOptions(System.Text.Json.Utf8JsonWriter json) { }

        protected override Shape Resolve(Shape input)
        {
            foreach (var (name, shape, kind) in parameters) Declare(name, shape, kind, Initializer.Zeros);
            return input;
        }

        protected override Tensor Compute(Tensor x) => x;
    }

    internal OptimizerProbe(int threads, params (string Name, Shape Shape, ParameterKind Kind)[] parameters)
    {
        Device = new CpuDevice(threads);
        var model = new Declared(parameters);
        model.Bind(new Shape(1));
        Set = ParameterSet.Allocate(model, Device, 0);
        var values = new float[Set.Count];
        for (var i = 0; i < values.Length; i++) values[i] = (i * 11 % 29 - 14) / 8f;
        Set.CopyFrom(values);
    }

    internal CpuDevice Device { get; }

    internal ParameterSet Set { get; }

    internal float[] Values => Set.Values.ToArray();

    internal static OptimizerProbe Vector(int count, int threads = 1) => new(threads, ("linear1.weight", new Shape(count), ParameterKind.Weight));

    internal static Dictionary<string, float> Options(string text)
    {
        var options = new Dictionary<string, float>();
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
            options.Add(part.Split('=')[0], float.Parse(part.Split('=')[1], CultureInfo.InvariantCulture));
        return options;
    }

    internal static IEnumerable<string[]> Golden(string file, int lines)
    {
        foreach (var chunk in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "golden", file)).Chunk(lines)) yield return chunk;
    }

    internal static float[] Numbers(string line) => Array.ConvertAll(line.Split(' '), text => float.Parse(text, CultureInfo.InvariantCulture));

    internal void Gradients(long step)
    {
        var gradients = new float[Set.TrainableCount];
        for (var i = 0; i < gradients.Length; i++) gradients[i] = (step <= 3 ? 4 : 1) * ((i * 7 + step * 13) % 31 - 15) / 16f;
        Set.Gradients.CopyFrom(gradients);
    }

    internal void Run(Optimizer optimizer, long from, long to)
    {
        for (var step = from; step <= to; step++)
        {
            Gradients(step);
            optimizer.Step(step, optimizer.LearningRate);
        }
    }

    public void Dispose()
    {
        Set.Dispose();
        Device.Dispose();
        Assert.That(Device.LiveBytes, Is.Zero);
    }
}
