namespace RawDL.TestKit;

public static partial class OpCases
{
    private static readonly Shape Small = new(3, 37);

    /// <summary>Functions of one and of two operands.</summary>
    public static IEnumerable<OpCase> Elementwise => [.. Unary, .. Binary];

    /// <summary>Functions of one operand, one row each; the length tests run them at other lengths.</summary>
    public static IEnumerable<OpCase> Unary =>
    [
        new("relu", [Small], x => x[0].Relu(), x => Oracle.Map(x[0], v => v > 0 ? v : 0)) { Kinks = [0f] },
        new("leaky_relu", [Small], x => x[0].LeakyRelu(0.1f), x => Oracle.Map(x[0], v => v > 0 ? v : 0.1f * v)) { Kinks = [0f] },
        new("elu", [Small], x => x[0].Elu(1.5f), x => Oracle.Map(x[0], v => v > 0 ? v : 1.5 * (Math.Exp(v) - 1))) { Low = -8, High = 4, Kinks = [0f] },
        new("gelu", [Small], x => x[0].Gelu(), x => Oracle.Map(x[0], v => v * Oracle.Normal(v))) { Low = -5, High = 5 },
        new("sigmoid", [Small], x => x[0].Sigmoid(), x => Oracle.Map(x[0], v => 1 / (1 + Math.Exp(-v)))) { Low = -20, High = 20 },
        new("tanh", [Small], x => x[0].Tanh(), x => Oracle.Map(x[0], Math.Tanh)),
        new("softplus", [Small], x => x[0].Softplus(), x => Oracle.Map(x[0], v => Math.Log(1 + Math.Exp(v)))) { Low = -20, High = 20 },
        new("negate", [Small], x => x[0].Negate(), x => Oracle.Map(x[0], v => -v)) { Linear = true },
        new("exp", [Small], x => x[0].Exp(), x => Oracle.Map(x[0], Math.Exp)) { Low = -6, High = 6 },
        new("log", [Small], x => x[0].Log(), x => Oracle.Map(x[0], Math.Log)) { Low = 0.1f, High = 8 },
        new("sqrt", [Small], x => x[0].Sqrt(), x => Oracle.Map(x[0], Math.Sqrt)) { Low = 0.1f, High = 8 },
        new("square", [Small], x => x[0].Square(), x => Oracle.Map(x[0], v => v * v)),
        new("abs", [Small], x => x[0].Abs(), x => Oracle.Map(x[0], Math.Abs)) { Kinks = [0f] },
        new("add_number", [Small], x => x[0].Add(1.5f), x => Oracle.Map(x[0], v => v + 1.5)),
        new("subtract_number", [Small], x => x[0].Subtract(1.5f), x => Oracle.Map(x[0], v => v - 1.5)),
        new("multiply_number", [Small], x => x[0].Multiply(-2.5f), x => Oracle.Map(x[0], v => v * -2.5)) { Linear = true },
        new("divide_number", [Small], x => x[0].Divide(3f), x => Oracle.Map(x[0], v => v / 3)) { Linear = true },
    ];

    private static IEnumerable<OpCase> Binary
    {
        get
        {
            foreach (var (name, apply, oracle) in ((string, Func<Tensor, Tensor, Tensor>, Func<double, double, double>)[])
                [
                    ("add", (a, b) => a.Add(b), (a, b) => a + b),
                    ("subtract", (a, b) => a.Subtract(b), (a, b) => a - b),
                    ("multiply", (a, b) => a.Multiply(b), (a, b) => a * b),
                    ("divide", (a, b) => a.Divide(b), (a, b) => a / b),
                ])
                foreach (var (form, a, b, outer, channels, inner) in ((string, Shape, Shape, int, int, int)[])
                    [
                        ("same", new(3, 37), new(3, 37), 1, 111, 1),
                        ("number", new(2, 3, 5), new(1), 1, 1, 30),
                        ("scalar of scalar", new(), new(1), 1, 1, 1),
                        ("bias of rows", new(5, 19), new(19), 5, 19, 1),
                        ("bias of planes", new(3, 4, 5, 7), new(4), 3, 4, 35),
                        ("bias of wide rows", new(2, 70), new(70), 2, 70, 1),
                    ])
                {
                    var divides = name == "divide";
                    yield return new($"{name}, {form}", [a, b], x => apply(x[0], x[1]), x => Oracle.Broadcast(x[0], x[1], outer, channels, inner, oracle))
                    {
                        Low = divides ? 0.5f : -2f,
                        High = divides ? 3f : 2f,
                        Linear = name is "multiply" or "divide",
                    };
                }
            // More than one block of rows and more than one chunk.
            yield return new("add, bias of many rows", [new(600, 31), new(31)], x => x[0].Add(x[1]),
                x => Oracle.Broadcast(x[0], x[1], 600, 31, 1, (a, b) => a + b))
            { Integers = true, Low = -3, High = 3 };
            yield return new("multiply, bias of large planes", [new(2, 2, 5, 1001), new(2)], x => x[0].Multiply(x[1]),
                x => Oracle.Broadcast(x[0], x[1], 2, 2, 5005, (a, b) => a * b))
            { Integers = true, Low = -3, High = 3 };
            yield return new("multiply, number by many", [new(16385), new(1)], x => x[0].Multiply(x[1]),
                x => Oracle.Broadcast(x[0], x[1], 1, 1, 16385, (a, b) => a * b));
            yield return new("multiply, by itself", [new(21)], x => x[0].Multiply(x[0]), x => Oracle.Map(x[0], v => v * v));
        }
    }
}

public static partial class OpErrors
{
    /// <summary>Functions of one and of two operands.</summary>
    public static IEnumerable<OpError> Elementwise =>
    [
        new("add", t => Zeros(t, 2, 3, 4).Add(Zeros(t, 4)), "Add: expected b of [2, 3, 4], [3] or one element, got [4] for a [2, 3, 4]."),
        new("subtract", t => Zeros(t, 3).Subtract(Zeros(t, 4)), "Subtract: expected b of [3] or one element, got [4] for a [3]."),
        new("multiply", t => Zeros(t, 2, 3).Multiply(Zeros(t, 3, 2)), "Multiply: expected b of [2, 3], [3] or one element, got [3, 2] for a [2, 3]."),
        new("divide", t => Zeros(t, 1).Divide(Zeros(t, 2, 2)), "Divide: expected b of [1] or one element, got [2, 2] for a [1]."),
        new("no tape", t => new Tensor(Zeros(t, 2).Buffer, 0, new Shape(2)).Relu(),
            "Tape.Of: expected an operand that was made by a tape, got only free tensors; bring the data in with Tape.Input."),
    ];

    private static Tensor Zeros(Tape tape, params int[] extents) => tape.AllocateZero(new Shape(extents));
}
