using System.Numerics;
using System.Runtime.CompilerServices;

namespace RawDL;

/// <summary>Elementary functions lane by lane, relative error below 3·10⁻⁷ where the result is a normal number. NaN gives NaN.</summary>
/// <remarks>Polynomials in Horner form; multiply-adds are fused where the hardware does so. Inlined, so that the constants stay in registers
/// over the caller's loop.</remarks>
internal static class Elementary
{
    /// <summary>eˣ; +∞ from 88.73 on, 0 below −104.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x)
    {
        var power = ExpMinusOneReduced(x, out var n) + Vector<float>.One;
        // 2ⁿ in two factors: n reaches 128 (overflow to +∞) and −150 (gradual underflow), one exponent field does not.
        var half = Vector.ShiftRightArithmetic(n, 1);
        var result = power * PowerOfTwo(half) * PowerOfTwo(n - half);
        return Vector.ConditionalSelect(Vector.Equals(x, x), result, x);
    }

    /// <summary>eˣ − 1, accurate near 0 too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> ExpMinusOne(Vector<float> x)
    {
        var small = Vector.LessThan(Vector.Abs(x), new Vector<float>(0.34f));
        return Vector.ConditionalSelect(small, ExpMinusOneReduced(x, out _), Exp(x) - Vector<float>.One);
    }

    /// <summary>ln(1 + u) for u in [0, 1]. The quotient undoes the rounding of 1 + u: Kahan, as in Goldberg, ACM Computing Surveys 1991, theorem 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> LogOnePlus(Vector<float> u)
    {
        var w = Vector<float>.One + u;
        var excess = w - Vector<float>.One;
        var tiny = Vector.Equals(excess, Vector<float>.Zero);
        return Vector.ConditionalSelect(tiny, u, Vector.Log(w) * u / Vector.ConditionalSelect(tiny, Vector<float>.One, excess));
    }

    /// <summary>tanh x: Lambert's continued fraction up to x⁵ below 0.625 (relative error 10⁻⁹ there), 1 − 2/(e²ˣ + 1) above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Tanh(Vector<float> x)
    {
        var z = x * x;
        var numerator = Fused(z + new Vector<float>(105f), z, new Vector<float>(945f));
        var denominator = Fused(Fused(new Vector<float>(15f), z, new Vector<float>(420f)), z, new Vector<float>(945f));
        var magnitude = Vector.Abs(x);
        var large = Vector<float>.One - new Vector<float>(2f) / (Exp(magnitude + magnitude) + Vector<float>.One);
        var signed = Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), -large, large);
        return Vector.ConditionalSelect(Vector.LessThan(magnitude, new Vector<float>(0.625f)), x * numerator / denominator, signed);
    }

    /// <summary>1 / (1 + e⁻ˣ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Sigmoid(Vector<float> x) => Vector<float>.One / (Vector<float>.One + Exp(-x));

    /// <summary>The normal distribution function Φ(x) = erfc(−x/√2)/2 and its density φ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Normal(Vector<float> x, out Vector<float> density)
    {
        var magnitude = Vector.Abs(x) * new Vector<float>(0.70710678f);
        var gauss = Exp(-magnitude * magnitude);
        density = gauss * new Vector<float>(0.39894228f);
        var upperTail = gauss * new Vector<float>(0.5f) * ScaledErfc(Vector<float>.One / Fused(new Vector<float>(ErfcPole), magnitude, Vector<float>.One));
        return Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), upperTail, Vector<float>.One - upperTail);
    }

    /// <summary>The same for one number.</summary>
    public static float Normal(float x, out float density)
    {
        var magnitude = MathF.Abs(x) * 0.70710678f;
        var gauss = MathF.Exp(-magnitude * magnitude);
        density = gauss * 0.39894228f;
        var upperTail = gauss * 0.5f * ScaledErfc(new Vector<float>(1f / (1f + ErfcPole * magnitude)))[0];
        return x < 0f ? upperTail : 1f - upperTail;
    }

    private const float ErfcPole = 0.35f;

    // erfc(z)·exp(z²) for t = 1/(1 + 0.35 z): degree 10, interpolated at the Chebyshev nodes of t in [0, 1]; relative error 1.2·10⁻⁷.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> ScaledErfc(Vector<float> t)
    {
        var p = new Vector<float>(0.0425999202f);
        p = Fused(p, t, new Vector<float>(-0.181937993f));
        p = Fused(p, t, new Vector<float>(0.236249298f));
        p = Fused(p, t, new Vector<float>(-0.101973169f));
        p = Fused(p, t, new Vector<float>(0.150047064f));
        p = Fused(p, t, new Vector<float>(0.111403145f));
        p = Fused(p, t, new Vector<float>(0.163474634f));
        p = Fused(p, t, new Vector<float>(0.18519932f));
        p = Fused(p, t, new Vector<float>(0.197471455f));
        p = Fused(p, t, new Vector<float>(0.197466329f));
        return p * t;
    }

    // x = n·ln 2 + r, |r| <= ln 2 / 2 (ln 2 in two parts: Cody and Waite, Software Manual for the Elementary Functions, 1980);
    // returns eʳ − 1 by Taylor to r⁷ (relative error 5·10⁻⁹).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> ExpMinusOneReduced(Vector<float> x, out Vector<int> n)
    {
        var clamped = Vector.ConditionalSelect(Vector.GreaterThan(x, new Vector<float>(-104f)), x, new Vector<float>(-104f));
        clamped = Vector.ConditionalSelect(Vector.LessThan(clamped, new Vector<float>(89f)), clamped, new Vector<float>(89f));
        // Adding 1.5·2²³ rounds to the nearest whole number, which then lies in the low bits.
        var magic = new Vector<float>(12582912f);
        var shifted = Fused(clamped, new Vector<float>(1.44269504f), magic);
        n = Vector.AsVectorInt32(shifted) - Vector.AsVectorInt32(magic);
        var whole = shifted - magic;
        var r = Fused(whole, new Vector<float>(-0.693359375f), clamped);
        r = Fused(whole, new Vector<float>(2.12194440e-4f), r);
        var p = new Vector<float>(1f / 5040f);
        p = Fused(p, r, new Vector<float>(1f / 720f));
        p = Fused(p, r, new Vector<float>(1f / 120f));
        p = Fused(p, r, new Vector<float>(1f / 24f));
        p = Fused(p, r, new Vector<float>(1f / 6f));
        p = Fused(p, r, new Vector<float>(0.5f));
        return Fused(p * r, r, r);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> PowerOfTwo(Vector<int> n) => Vector.AsVectorSingle(Vector.ShiftLeft(n + new Vector<int>(127), 23));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Fused(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.MultiplyAddEstimate(a, b, c);
}
