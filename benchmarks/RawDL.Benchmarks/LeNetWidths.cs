namespace RawDL.Benchmarks;

/// <summary>The extents of a LeNet: filters of both convolutions and hidden units.</summary>
public sealed record LeNetWidths(int First, int Second, int Hidden)
{
    /// <summary>20, 50, 500.</summary>
    public static LeNetWidths Standard { get; } = new(20, 50, 500);

    /// <summary>About ten times the operations of <see cref="Standard"/>: each extent 3.2 times as large.</summary>
    public static LeNetWidths Wide { get; } = new(64, 160, 1600);

    /// <summary>Parameters, in the order of the layers.</summary>
    public Shape[] Shapes =>
        [new(First, 1, 5, 5), new(First), new(Second, First, 5, 5), new(Second), new(Hidden, 16 * Second), new(Hidden), new(10, Hidden), new(10)];

    /// <summary>Floating-point operations of one image forward, each place of the convolutions counted, a multiply-add as two.</summary>
    public double ForwardFlops => FirstFlops + 2.0 * (25 * First * Second * 64 + 16 * Second * Hidden + 10 * Hidden);

    /// <summary>Of one image in training: backwards each layer works twice, but the first one only for its weights.</summary>
    public double TrainingFlops => 3 * ForwardFlops - FirstFlops;

    private double FirstFlops => 2.0 * 25 * First * 576;
}
