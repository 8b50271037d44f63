using System.Globalization;
using System.Text;

namespace RawDL.NN;

/// <summary>The configurations that come with the program: JSON files of this folder, in which "classes" stands for the number of outputs.</summary>
public static class Recipes
{
    /// <summary>What <see cref="Read(string, int)"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = ["lenet", "linear", "mlp", "resnet", "sprint"];

    /// <summary>The recipe that suits samples: grey images LeNet, colour images the residual net, everything else the perceptron with hidden layers.</summary>
    public static string For(Shape sample) => sample.Rank != 3 ? "mlp" : sample[0] == 1 ? "lenet" : "resnet";

    /// <summary>One recipe, with as many outputs as a data set has classes; for a regression, with its loss.</summary>
    /// <exception cref="ConfigurationException">No recipe has this name.</exception>
    public static TrainingConfiguration Read(string name, Dataset data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var configuration = Read(name, data.Classes > 0 ? data.Classes : data.TargetCount);
        return data.Classes > 0 ? configuration : configuration with { Loss = LossKind.MeanSquaredError };
    }

    /// <summary>One recipe with a number of outputs.</summary>
    /// <exception cref="ConfigurationException">No recipe has this name.</exception>
    public static TrainingConfiguration Read(string name, int outputs = 10)
    {
        if (!Names.Contains(name)) throw new ConfigurationException($"model: expected one of {string.Join(", ", Names)}, got {RawFileException.Quote(name)}.");
        using var reader = new StreamReader(typeof(Recipes).Assembly.GetManifestResourceStream($"recipes/{name}.json")!, Encoding.UTF8);
        return TrainingConfiguration.Parse(reader.ReadToEnd().Replace("\"classes\"", outputs.ToString(CultureInfo.InvariantCulture)));
    }
}
