namespace RawDL;

public static partial class TensorOps
{
    /// <summary>In training y = 0 with probability <paramref name="rate"/>, else x / (1 − rate); in inference y is x itself.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="rate">Probability of a zero, [0, 1).</param>
    /// <param name="stream">Number of the random stream: one per place in the network, or two places share their mask.</param>
    /// <returns>Same shape as <paramref name="x"/>.</returns>
    /// <remarks>The mask is not stored: it is a function of (<see cref="Tape.Seed"/>, stream, <see cref="Tape.Step"/>, place), drawn again by the backward pass. Row r of x is row
    /// <see cref="Tape.FirstRow"/> + r of the whole step, and a value's place is its index there, so that a sample has the same mask on whichever rank it lies.
    /// Place p takes word p mod 4 of the <see cref="Philox"/> block with counter (step mod 2³²)·2³² + p/4 and is kept iff (word &gt;&gt; 8)·2⁻²⁴ ≥ rate. Source: Srivastava et al., JMLR 15 (2014), scaled in training ("inverted").</remarks>
    /// <exception cref="ArgumentException">The rate is outside [0, 1).</exception>
    public static Tensor Dropout(this Tensor x, float rate, ulong stream)
    {
        if (!(rate >= 0 && rate < 1)) throw new ArgumentException($"Dropout: expected a rate in [0, 1), got {rate}.");
        var tape = Tape.Of(x);
        if (!tape.IsTraining || rate == 0) return x;
        var width = x.Shape.Rank == 0 || x.Shape[0] == 0 ? x.Count : x.Count / x.Shape[0];
        var geometry = new DropoutGeometry(x.Count, rate, tape.Seed, stream, tape.Step, (long)tape.FirstRow * width);
        var y = tape.Allocate(x.Shape);
        tape.Device.Dropout(geometry, x, y, Store.Overwrite);
        tape.Record(y, (geometry, x, y), static step =>
        {
            var (geometry, x, y) = step;
            if (x.Gradient is { } dx) y.Device.Dropout(geometry, y.Gradient!, dx, Store.Add);
        });
        return y;
    }
}
