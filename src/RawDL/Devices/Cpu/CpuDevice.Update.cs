using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL;

public sealed unsafe partial class CpuDevice
{
    private struct UpdateJob<TRule> where TRule : unmanaged, IUpdateRule
    {
        public TRule Rule;
        public UpdateSegment Segment;
        public float* Values, Gradients, State0, State1, State2;
    }

    /// <inheritdoc/>
    protected internal override void Update<TRule>(TRule rule, ReadOnlySpan<UpdateSegment> segments, Tensor values, Tensor gradients, Tensor? state0, Tensor? state1, Tensor? state2)
    {
        var job = new UpdateJob<TRule>
        {
            Rule = rule,
            Values = Pointer(values),
            Gradients = Pointer(gradients),
            State0 = PointerOrNull(state0),
            State1 = PointerOrNull(state1),
            State2 = PointerOrNull(state2),
        };
        foreach (var segment in segments)
        {
            job.Segment = segment;
            _team.Run(Chunks(segment.Count), segment switch
            {
                { Clip: float.PositiveInfinity, L1: 0f, L2: 0f, Decay: 0f } => &UpdateChunk<TRule, Plain>,
                { Clip: float.PositiveInfinity, L1: 0f } => &UpdateChunk<TRule, Decayed>,
                _ => (delegate*<void*, int, void>)&UpdateChunk<TRule, Regularized>,
            }, &job);
        }
    }

    // Lanes are neighbouring elements. The remainder goes through the same lanes, padded with ones.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void UpdateChunk<TRule, TSegment>(void* arguments, int chunk) where TRule : unmanaged, IUpdateRule where TSegment : struct, ISegment
    {
        ref readonly var job = ref *(UpdateJob<TRule>*)arguments;
        var i = job.Segment.Offset + chunk * ChunkLength;
        var end = job.Segment.Offset + Math.Min(job.Segment.Count, (chunk + 1) * ChunkLength);
        if (!Vector.IsHardwareAccelerated)
        {
            for (; i < end; i++) UpdateElement<TRule, TSegment>(in job, i);
            return;
        }
        var (rule, segment) = (job.Rule, job.Segment);
        for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
        {
            var state0 = TRule.StateCount > 0 ? Vector.Load(job.State0 + i) : default;
            var state1 = TRule.StateCount > 1 ? Vector.Load(job.State1 + i) : default;
            var state2 = TRule.StateCount > 2 ? Vector.Load(job.State2 + i) : default;
            var value = Vector.Load(job.Values + i);
            var gradient = Vector.Load(job.Gradients + i);
            TSegment.Regularize(segment, ref value, ref gradient);
            rule.Apply(value, gradient, ref state0, ref state1, ref state2).Store(job.Values + i);
            if (TRule.StateCount > 0) state0.Store(job.State0 + i);
            if (TRule.StateCount > 1) state1.Store(job.State1 + i);
            if (TRule.StateCount > 2) state2.Store(job.State2 + i);
        }
        if (i < end) UpdateRest<TRule, TSegment>(job, i, end - i);
    }

    private static void UpdateRest<TRule, TSegment>(in UpdateJob<TRule> job, int i, int lanes) where TRule : unmanaged, IUpdateRule where TSegment : struct, ISegment
    {
        var state0 = TRule.StateCount > 0 ? LoadPartial(job.State0 + i, lanes) : default;
        var state1 = TRule.StateCount > 1 ? LoadPartial(job.State1 + i, lanes) : default;
        var state2 = TRule.StateCount > 2 ? LoadPartial(job.State2 + i, lanes) : default;
        var value = LoadPartial(job.Values + i, lanes);
        var gradient = LoadPartial(job.Gradients + i, lanes);
        TSegment.Regularize(job.Segment, ref value, ref gradient);
        StorePartial(job.Rule.Apply(value, gradient, ref state0, ref state1, ref state2), job.Values + i, lanes);
        if (TRule.StateCount > 0) StorePartial(state0, job.State0 + i, lanes);
        if (TRule.StateCount > 1) StorePartial(state1, job.State1 + i, lanes);
        if (TRule.StateCount > 2) StorePartial(state2, job.State2 + i, lanes);
    }

    private static void UpdateElement<TRule, TSegment>(in UpdateJob<TRule> job, int i) where TRule : unmanaged, IUpdateRule where TSegment : struct, ISegment
    {
        float state0 = TRule.StateCount > 0 ? job.State0[i] : 0, state1 = TRule.StateCount > 1 ? job.State1[i] : 0, state2 = TRule.StateCount > 2 ? job.State2[i] : 0;
        var value = job.Values[i];
        var gradient = job.Gradients[i];
        TSegment.Regularize(job.Segment, ref value, ref gradient);
        job.Values[i] = job.Rule.Apply(value, gradient, ref state0, ref state1, ref state2);
        if (TRule.StateCount > 0) job.State0[i] = state0;
        if (TRule.StateCount > 1) job.State1[i] = state1;
        if (TRule.StateCount > 2) job.State2[i] = state2;
    }

    // What a segment does to values and gradients before the rule. Most do little, and then the rest would be half of the arithmetic.
    private interface ISegment
    {
        static abstract void Regularize(in UpdateSegment segment, ref Vector<float> value, ref Vector<float> gradient);

        static abstract void Regularize(in UpdateSegment segment, ref float value, ref float gradient);
    }

    private readonly struct Plain : ISegment
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Regularize(in UpdateSegment segment, ref Vector<float> value, ref Vector<float> gradient) => gradient *= segment.Scale;

        public static void Regularize(in UpdateSegment segment, ref float value, ref float gradient) => gradient *= segment.Scale;
    }

    private readonly struct Decayed : ISegment
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Regularize(in UpdateSegment segment, ref Vector<float> value, ref Vector<float> gradient)
        {
            gradient = gradient * segment.Scale + segment.L2 * value;
            value -= segment.Decay * value;
        }

        public static void Regularize(in UpdateSegment segment, ref float value, ref float gradient)
        {
            gradient = gradient * segment.Scale + segment.L2 * value;
            value -= segment.Decay * value;
        }
    }

    // Comparisons that are false for NaN keep it: a diverged gradient must be seen in the weights.
    private readonly struct Regularized : ISegment
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Regularize(in UpdateSegment segment, ref Vector<float> value, ref Vector<float> gradient)
        {
            var (clip, l1) = (new Vector<float>(segment.Clip), new Vector<float>(segment.L1));
            gradient *= segment.Scale;
            gradient = Vector.ConditionalSelect(Vector.GreaterThan(gradient, clip), clip, gradient);
            gradient = Vector.ConditionalSelect(Vector.LessThan(gradient, -clip), -clip, gradient);
            var sign = Vector.ConditionalSelect(Vector.GreaterThan(value, Vector<float>.Zero), l1,
                Vector.ConditionalSelect(Vector.LessThan(value, Vector<float>.Zero), -l1, Vector<float>.Zero));
            gradient = gradient + segment.L2 * value + sign;
            value -= segment.Decay * value;
        }

        public static void Regularize(in UpdateSegment segment, ref float value, ref float gradient)
        {
            gradient *= segment.Scale;
            gradient = gradient > segment.Clip ? segment.Clip : gradient;
            gradient = gradient < -segment.Clip ? -segment.Clip : gradient;
            gradient = gradient + segment.L2 * value + (value > 0 ? segment.L1 : value < 0 ? -segment.L1 : 0f);
            value -= segment.Decay * value;
        }
    }
}
