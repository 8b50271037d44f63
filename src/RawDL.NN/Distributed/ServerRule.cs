using System.Numerics;

namespace RawDL.NN;

/// <summary>What a parameter server does with a pushed gradient: <c>sgd</c>, w ← w − η·g, or <c>adagrad</c>, A ← A + g²; w ← w − η·g / (√A + ε).
/// Source: Dean et al., Large scale distributed deep networks, NIPS 2012, section 4.1, with ε = 1e-8 against a division by 0.</summary>
internal sealed class ServerRule
{
    private const float Epsilon = 1e-8f;

    private ServerRule(string name, float rate) => (Name, LearningRate) = (name, rate);

    /// <summary>sgd or adagrad.</summary>
    public string Name { get; }

    /// <summary>η.</summary>
    public float LearningRate { get; }

    /// <summary>Whether <see cref="Apply"/> keeps a sum of squares per element.</summary>
    public bool HasSquares => Name == "adagrad";

    /// <summary>A rule by its name and its learning_rate.</summary>
    /// <exception cref="ArgumentException">Unknown name or option, or a value out of range. One line.</exception>
    public static ServerRule Parse(NamedOptions named)
    {
        if (named.Name is not ("sgd" or "adagrad")) throw new ArgumentException($"server: expected sgd or adagrad, got {RawFileException.Quote(named.Name)}.");
        var rate = named.Name == "sgd" ? 0.05f : 0.02f;
        foreach (var (key, value) in named.Options)
            rate = key == "learning_rate" ? Option.Positive(key, value).Require("server")
                : throw new ArgumentException($"server '{named.Name}': expected option learning_rate, got {RawFileException.Quote(key)}.");
        return new ServerRule(named.Name, rate);
    }

    /// <summary>One push.</summary>
    /// <param name="values">w.</param>
    /// <param name="squares">A, empty for sgd.</param>
    /// <param name="gradient">g, the sum of the client's gradients since its last push.</param>
    /// <param name="scale">The schedule's rate of the client's step over its base rate.</param>
    public void Apply(Span<float> values, Span<float> squares, ReadOnlySpan<float> gradient, float scale)
    {
        var rate = LearningRate * scale;
        var i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var g = new Vector<float>(gradient[i..]);
            var step = rate * g;
            if (HasSquares)
            {
                var sum = new Vector<float>(squares[i..]) + g * g;
                sum.CopyTo(squares[i..]);
                step /= Vector.SquareRoot(sum) + new Vector<float>(Epsilon);
            }
            (new Vector<float>(values[i..]) - step).CopyTo(values[i..]);
        }
        for (; i < values.Length; i++)
        {
            var step = rate * gradient[i];
            if (HasSquares)
            {
                squares[i] += gradient[i] * gradient[i];
                step /= MathF.Sqrt(squares[i]) + Epsilon;
            }
            values[i] -= step;
        }
    }
}
