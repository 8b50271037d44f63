using System.Numerics;
using System.Runtime.InteropServices;

namespace RawDL;

/// <summary>One optimizer's element-wise rule w ← w − Δ(g, state), as a blittable struct: learning rate, coefficients and bias corrections of the step are fields.</summary>
public interface IUpdateRule
{
    /// <summary>Name of the kernel in kernels/update.cu.</summary>
    static abstract string Kernel { get; }

    /// <summary>State values kept per parameter, 0 to 3.</summary>
    static abstract int StateCount { get; }

    /// <summary>The new value; the unused states are left alone.</summary>
    float Apply(float value, float gradient, ref float state0, ref float state1, ref float state2);

    /// <summary>The new values, lane by lane. Implementations ask to be inlined: a call in this loop takes longer than the memory.</summary>
    Vector<float> Apply(Vector<float> value, Vector<float> gradient, ref Vector<float> state0, ref Vector<float> state1, ref Vector<float> state2);
}

/// <summary>A run of the flat parameter buffer with its own regularisation. Order per element: g ← g·Scale; g ← clip(g, ±Clip); g ← g + L2·w + L1·sign(w);
/// w ← w − Decay·w; then the rule.</summary>
/// <param name="Offset">First element.</param>
/// <param name="Count">Elements.</param>
/// <param name="Scale">Factor on the gradient (norm clipping, averaging).</param>
/// <param name="Clip">Clip by value; +∞ for none.</param>
/// <param name="L1">Coefficient of Σ|w|.</param>
/// <param name="L2">Coefficient of Σw²/2.</param>
/// <param name="Decay">Decoupled weight decay, already times the learning rate.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct UpdateSegment(int Offset, int Count, float Scale, float Clip, float L1, float L2, float Decay);
