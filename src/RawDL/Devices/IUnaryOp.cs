using System.Numerics;

namespace RawDL;

/// <summary>One element-wise function y = f(x) and its derivative, as a blittable struct: parameters of the function are fields.</summary>
/// <remarks>The vector form is the one that runs where SIMD exists, remainders included; the scalar form is its twin elsewhere.</remarks>
public interface IUnaryOp
{
    /// <summary>Stem of the kernel names: <c>NAME_forward</c> and <c>NAME_backward</c> in kernels/elementwise.cu.</summary>
    static abstract string Kernel { get; }

    /// <summary>The parameter that the kernel takes (a slope, say); 0 where there is none.</summary>
    float Parameter => 0f;

    /// <summary>f(x).</summary>
    float Forward(float x);

    /// <summary>f(x), lane by lane.</summary>
    Vector<float> Forward(Vector<float> x);

    /// <summary>f′(x), where y = f(x).</summary>
    float Derivative(float x, float y);

    /// <summary>f′(x), lane by lane.</summary>
    Vector<float> Derivative(Vector<float> x, Vector<float> y);
}

/// <summary>One element-wise function y = f(a, b) and its two partial derivatives, as a blittable struct.</summary>
public interface IBinaryOp
{
    /// <summary>Stem of the kernel names: <c>NAME_forward</c>, <c>NAME_backward_left</c>, <c>NAME_backward_right_columns</c> and <c>_rows</c>.</summary>
    static abstract string Kernel { get; }

    /// <summary>f(a, b).</summary>
    static abstract float Forward(float a, float b);

    /// <summary>f(a, b), lane by lane.</summary>
    static abstract Vector<float> Forward(Vector<float> a, Vector<float> b);

    /// <summary>∂f/∂a.</summary>
    static abstract float DerivativeLeft(float a, float b);

    /// <summary>∂f/∂a, lane by lane.</summary>
    static abstract Vector<float> DerivativeLeft(Vector<float> a, Vector<float> b);

    /// <summary>∂f/∂b.</summary>
    static abstract float DerivativeRight(float a, float b);

    /// <summary>∂f/∂b, lane by lane.</summary>
    static abstract Vector<float> DerivativeRight(Vector<float> a, Vector<float> b);
}
