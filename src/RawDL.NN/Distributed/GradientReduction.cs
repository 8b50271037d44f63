namespace RawDL.NN;

/// <summary>Sums gradients over the ranks with fewer bytes than they have: what is lost in one step stays behind and is added in the next (error feedback).</summary>
internal abstract class GradientReduction(ICommunicator group)
{
    protected ICommunicator Group { get; } = group;

    /// <summary>Bytes that this rank has sent.</summary>
    public long Bytes { get; protected set; }

    /// <summary>What this rank has not sent yet, per element; empty where nothing stays behind.</summary>
    public float[] Residual { get; protected init; } = [];

    /// <summary>The reduction of a configuration.</summary>
    public static GradientReduction Create(SynchronizationOptions options, ICommunicator group, ParameterSet parameters) => options switch
    {
        { Compression: GradientCompression.Threshold } => new ThresholdReduction(group, options.Threshold, parameters.TrainableCount),
        { Compression: GradientCompression.OneBit } => new OneBitReduction(group, parameters),
        { Wire: WireFormat.Float32 } => new PlainReduction(group, options.Deterministic),
        _ => new SixteenBitReduction(group, options.Wire),
    };

    /// <summary>Replaces the elements of all gradients by their sums over the ranks; every rank gets the same bits.</summary>
    public abstract void Sum(Span<float> gradients);
}

/// <summary>All of the float32 values.</summary>
internal sealed class PlainReduction(ICommunicator group, bool deterministic) : GradientReduction(group)
{
    private readonly Reduction _reduction = new(group, deterministic);

    public override void Sum(Span<float> gradients)
    {
        _reduction.Sum(gradients);
        Bytes = _reduction.Bytes;
    }
}

/// <summary>Half the bytes: values travel as bfloat16 or float16, each rank adds its part of all vectors in float32 in the order of <see cref="Reduction"/>'s tree, and the
/// sums travel back in 16 bits.</summary>
internal sealed class SixteenBitReduction(ICommunicator group, WireFormat format) : GradientReduction(group)
{
    private ushort[] _outgoing = [], _incoming = [];
    private float[] _parts = [];

    public override void Sum(Span<float> gradients)
    {
        var part = (gradients.Length + Group.Size - 1) / Group.Size;
        var padded = part * Group.Size;
        if (_outgoing.Length < padded) (_outgoing, _incoming, _parts) = (new ushort[padded], new ushort[padded], new float[padded]);
        Span<ushort> outgoing = _outgoing.AsSpan(0, padded), incoming = _incoming.AsSpan(0, padded);
        var parts = _parts.AsSpan(0, padded);
        Narrow(gradients, outgoing);
        outgoing[gradients.Length..].Clear();
        Group.AllToAll<ushort>(outgoing, incoming);
        Widen(incoming, parts);
        Reduction.AddInOrder(parts, part, Group.Size);
        Narrow(parts[..part], incoming[..part]);
        Group.AllGather<ushort>(incoming[..part], outgoing);
        Widen(outgoing[..gradients.Length], gradients);
        Bytes += Reduction.RingBytes(gradients.Length, Group.Size) / 2;
    }

    /// <summary>float32 to 16 bits, to nearest even.</summary>
    internal void Narrow(ReadOnlySpan<float> values, Span<ushort> bits)
    {
        if (format == WireFormat.Float16)
        {
            for (var i = 0; i < values.Length; i++) bits[i] = BitConverter.HalfToUInt16Bits((Half)values[i]);
            return;
        }
        for (var i = 0; i < values.Length; i++)
        {
            var whole = BitConverter.SingleToUInt32Bits(values[i]);
            // Rounding could carry a NaN over into zero: it stays a quiet NaN.
            bits[i] = (ushort)(float.IsNaN(values[i]) ? (whole >> 16) | 0x40 : (whole + 0x7FFF + ((whole >> 16) & 1)) >> 16);
        }
    }

    /// <summary>16 bits to float32, exact.</summary>
    internal void Widen(ReadOnlySpan<ushort> bits, Span<float> values)
    {
        if (format == WireFormat.Float16)
            for (var i = 0; i < bits.Length; i++) values[i] = (float)BitConverter.UInt16BitsToHalf(bits[i]);
        else
            for (var i = 0; i < bits.Length; i++) values[i] = BitConverter.UInt32BitsToSingle((uint)bits[i] << 16);
    }
}

/// <summary>r ← r + g; where |r| ≥ τ, ±τ is sent as index and sign, and taken from r. Source: Strom, Interspeech 2015, algorithm 1.</summary>
internal sealed class ThresholdReduction : GradientReduction
{
    private readonly float _threshold;
    private readonly List<int> _sent = [];

    public ThresholdReduction(ICommunicator group, float threshold, int count) : base(group)
    {
        _threshold = threshold;
        Residual = new float[count];
    }

    public override void Sum(Span<float> gradients)
    {
        _sent.Clear();
        for (var i = 0; i < gradients.Length; i++)
        {
            var left = Residual[i] += gradients[i];
            if (MathF.Abs(left) < _threshold) continue;
            // NaN compares false and is sent: as an infinity would, it stays in the residual, and the run ends at this step's check of the loss.
            _sent.Add(left > 0 ? i : ~i);
            Residual[i] = left - (left > 0 ? _threshold : -_threshold);
        }
        var counts = new int[Group.Size];
        Group.AllGather<int>([_sent.Count], counts);
        var longest = 0;
        foreach (var count in counts) longest = Math.Max(longest, count);
        var mine = new int[longest];
        _sent.CopyTo(mine);
        var all = new int[longest * Group.Size];
        Group.AllGather<int>(mine, all);
        gradients.Clear();
        for (var rank = 0; rank < counts.Length; rank++)
            foreach (var code in all.AsSpan(rank * longest, counts[rank]))
                if (code >= 0) gradients[code] += _threshold;
                else gradients[~code] -= _threshold;
        Bytes += 4L * (longest + 1) * (Group.Size - 1);
    }
}

/// <summary>r ← r + g; one bit says whether r ≥ 0, and per parameter two values say what that means: the means of its elements of either sign. What the values miss stays in r.
/// Source: Seide et al., Interspeech 2014, section 3, with one pair of values for each parameter.</summary>
internal sealed class OneBitReduction : GradientReduction
{
    private readonly (int Offset, int Count)[] _parts;
    private readonly uint[] _bits, _allBits;
    private readonly float[] _means, _allMeans;

    public OneBitReduction(ICommunicator group, ParameterSet parameters) : base(group)
    {
        var parts = new List<(int, int)>();
        foreach (var parameter in parameters.Parameters)
            if (parameter.IsTrainable && parameter.Shape.Count > 0) parts.Add((parameters.Offset(parameter), parameter.Shape.Count));
        _parts = [.. parts];
        Residual = new float[parameters.TrainableCount];
        _bits = new uint[(Residual.Length + 31) / 32];
        _means = new float[2 * _parts.Length];
        (_allBits, _allMeans) = (new uint[_bits.Length * group.Size], new float[_means.Length * group.Size]);
    }

    public override void Sum(Span<float> gradients)
    {
        Array.Clear(_bits);
        for (var p = 0; p < _parts.Length; p++)
        {
            var (offset, count) = _parts[p];
            double above = 0, below = 0;
            var positive = 0;
            for (var i = offset; i < offset + count; i++)
            {
                var left = Residual[i] += gradients[i];
                if (left >= 0) (above, positive) = (above + left, positive + 1);
                else below += left;
            }
            var (high, low) = (positive > 0 ? (float)(above / positive) : 0, positive < count ? (float)(below / (count - positive)) : 0);
            (_means[2 * p], _means[2 * p + 1]) = (high, low);
            for (var i = offset; i < offset + count; i++)
            {
                if (Residual[i] < 0) Residual[i] -= low;
                else
                {
                    _bits[i >> 5] |= 1u << (i & 31);
                    Residual[i] -= high;
                }
            }
        }
        Group.AllGather<uint>(_bits, _allBits);
        Group.AllGather<float>(_means, _allMeans);
        gradients.Clear();
        for (var rank = 0; rank < Group.Size; rank++)
        {
            var bits = _allBits.AsSpan(rank * _bits.Length, _bits.Length);
            for (var p = 0; p < _parts.Length; p++)
            {
                var (offset, count) = _parts[p];
                var (high, low) = (_allMeans[rank * _means.Length + 2 * p], _allMeans[rank * _means.Length + 2 * p + 1]);
                for (var i = offset; i < offset + count; i++) gradients[i] += (bits[i >> 5] >> (i & 31) & 1) != 0 ? high : low;
            }
        }
        Bytes += 4L * (_bits.Length + _means.Length) * (Group.Size - 1);
    }
}
