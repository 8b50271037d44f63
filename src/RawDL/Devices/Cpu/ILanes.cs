using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

/// <summary>A vector register of floats, so that one text makes the tiles of matrix products for each width. Implementations are empty structs, and
/// the JIT compiles a tile for each.</summary>
internal unsafe interface ILanes<TVector> where TVector : unmanaged
{
    /// <summary>Floats of a register.</summary>
    static abstract int Count { get; }

    /// <summary>Rows of the largest tile: as many as leave registers for two vectors of b and a broadcast.</summary>
    static abstract int Rows { get; }

    static abstract TVector Load(float* source);

    static abstract TVector Broadcast(float value);

    static abstract void Store(TVector vector, float* target);

    /// <summary>The first floats, fewer than <see cref="Count"/>; the others are 0, and their memory is not read.</summary>
    static abstract TVector LoadFirst(float* source, int count);

    /// <summary>The first floats, fewer than <see cref="Count"/>; memory behind them is not written.</summary>
    static abstract void StoreFirst(TVector vector, float* target, int count);

    static abstract TVector Add(TVector left, TVector right);

    /// <summary>left · right + sum, rounded once where the processor can.</summary>
    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector sum);
}

/// <summary>AVX-512: 32 registers of 16 floats. Without it, it is computed by halves, which is how tests reach its tiles everywhere.</summary>
internal readonly unsafe struct Lanes512 : ILanes<Vector512<float>>
{
    public static int Count => 16;

    public static int Rows => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> vector, float* target) => vector.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadFirst(float* source, int count) => Avx512F.IsSupported ? Avx512F.MaskLoad(source, First(count), Vector512<float>.Zero)
        : count <= 8 ? Vector512.Create(Lanes256.LoadFirst(source, count), Vector256<float>.Zero)
        : Vector512.Create(Lanes256.Load(source), Lanes256.LoadFirst(source + 8, count - 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector512<float> vector, float* target, int count)
    {
        if (Avx512F.IsSupported) Avx512F.MaskStore(target, First(count), vector);
        else
        {
            Lanes256.StoreFirst(vector.GetLower(), target, Math.Min(count, 8));
            if (count > 8) Lanes256.StoreFirst(vector.GetUpper(), target + 8, count - 8);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> left, Vector512<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> sum) =>
        Vector512.FusedMultiplyAdd(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> First(int count) => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();
}

/// <summary>AVX2 with FMA: 16 registers of 8 floats.</summary>
internal readonly unsafe struct Lanes256 : ILanes<Vector256<float>>
{
    public static int Count => 8;

    public static int Rows => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> vector, float* target) => vector.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadFirst(float* source, int count) => Avx2.IsSupported ? Avx.MaskLoad(source, First(count))
        : count <= 4 ? Vector256.Create(Lanes128.LoadFirst(source, count), Vector128<float>.Zero)
        : Vector256.Create(Lanes128.Load(source), Lanes128.LoadFirst(source + 4, count - 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector256<float> vector, float* target, int count)
    {
        if (Avx2.IsSupported) Avx.MaskStore(target, First(count), vector);
        else
        {
            Lanes128.StoreFirst(vector.GetLower(), target, Math.Min(count, 4));
            if (count > 4) Lanes128.StoreFirst(vector.GetUpper(), target + 4, count - 4);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> sum) => Fma.MultiplyAdd(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> First(int count) => Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle();
}

/// <summary>What every 64-bit processor has: at least 16 registers of 4 floats.</summary>
internal readonly unsafe struct Lanes128 : ILanes<Vector128<float>>
{
    public static int Count => 4;

    public static int Rows => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> vector, float* target) => vector.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadFirst(float* source, int count) => count switch
    {
        1 => Vector128.CreateScalar(*source),
        2 => Vector128.Create(source[0], source[1], 0f, 0f),
        3 => Vector128.Create(source[0], source[1], source[2], 0f),
        _ => Vector128.Load(source),
    };

    // Up to all four, for the halves of wider vectors.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector128<float> vector, float* target, int count)
    {
        if (count >= 4) vector.Store(target);
        else
        {
            if (count >= 2) vector.GetLower().Store(target);
            if (count != 2) target[count - 1] = count == 1 ? vector.ToScalar() : vector.GetElement(2);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> left, Vector128<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> left, Vector128<float> right, Vector128<float> sum) =>
        Vector128.MultiplyAddEstimate(left, right, sum);
}
