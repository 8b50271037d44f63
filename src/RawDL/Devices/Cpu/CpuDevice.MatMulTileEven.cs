using System.Runtime.CompilerServices;

namespace RawDL;

// The tile of 6 rows again, four k to a turn, where addresses are constants apart: a along k or in a panel, b in a panel, a multiple of four deep. A method of its own
// with one loop, as the JIT keeps no sums in registers across two.
public sealed unsafe partial class CpuDevice
{
    private interface IStep
    {
        static abstract int Value { get; }
    }

    private readonly struct StepOfOne : IStep
    {
        public static int Value => 1;
    }

    private readonly struct StepOfSix : IStep
    {
        public static int Value => 6;
    }

    private static bool IsEven<TLanes, TVector>(in Product product) where TLanes : struct, ILanes<TVector> where TVector : unmanaged =>
        product.AStep is 1 or 6 && product.BStep == 2 * TLanes.Count && product.Depth % 4 == 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6Even<TLanes, TVector, TStep>(in Product product)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged where TStep : struct, IStep
    {
        float* a0 = product.A, a1 = product.Row(1), a2 = product.Row(2), a3 = product.Row(3), a4 = product.Row(4), a5 = product.Row(5);
        nint end = product.Depth * TStep.Value;
        var c = product.C;
        nint stride = product.CStride;
        for (var tile = 0; tile < product.Tiles; tile++)
        {
            Prefetch(product, tile);
            var b = product.B + tile * product.BTile;
            TVector c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
            TVector c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
            for (nint p = 0; p != end; p += 4 * TStep.Value, b += 8 * TLanes.Count)
            {
                TVector b0 = TLanes.Load(b), b1 = TLanes.Load(b + TLanes.Count);
                var v = TLanes.Broadcast(a0[p]);
                c00 = TLanes.MultiplyAdd(v, b0, c00);
                c01 = TLanes.MultiplyAdd(v, b1, c01);
                v = TLanes.Broadcast(a1[p]);
                c10 = TLanes.MultiplyAdd(v, b0, c10);
                c11 = TLanes.MultiplyAdd(v, b1, c11);
                v = TLanes.Broadcast(a2[p]);
                c20 = TLanes.MultiplyAdd(v, b0, c20);
                c21 = TLanes.MultiplyAdd(v, b1, c21);
                v = TLanes.Broadcast(a3[p]);
                c30 = TLanes.MultiplyAdd(v, b0, c30);
                c31 = TLanes.MultiplyAdd(v, b1, c31);
                v = TLanes.Broadcast(a4[p]);
                c40 = TLanes.MultiplyAdd(v, b0, c40);
                c41 = TLanes.MultiplyAdd(v, b1, c41);
                v = TLanes.Broadcast(a5[p]);
                c50 = TLanes.MultiplyAdd(v, b0, c50);
                c51 = TLanes.MultiplyAdd(v, b1, c51);
                b0 = TLanes.Load(b + 2 * TLanes.Count);
                b1 = TLanes.Load(b + 3 * TLanes.Count);
                v = TLanes.Broadcast(a0[p + TStep.Value]);
                c00 = TLanes.MultiplyAdd(v, b0, c00);
                c01 = TLanes.MultiplyAdd(v, b1, c01);
                v = TLanes.Broadcast(a1[p + TStep.Value]);
                c10 = TLanes.MultiplyAdd(v, b0, c10);
                c11 = TLanes.MultiplyAdd(v, b1, c11);
                v = TLanes.Broadcast(a2[p + TStep.Value]);
                c20 = TLanes.MultiplyAdd(v, b0, c20);
                c21 = TLanes.MultiplyAdd(v, b1, c21);
                v = TLanes.Broadcast(a3[p + TStep.Value]);
                c30 = TLanes.MultiplyAdd(v, b0, c30);
                c31 = TLanes.MultiplyAdd(v, b1, c31);
                v = TLanes.Broadcast(a4[p + TStep.Value]);
                c40 = TLanes.MultiplyAdd(v, b0, c40);
                c41 = TLanes.MultiplyAdd(v, b1, c41);
                v = TLanes.Broadcast(a5[p + TStep.Value]);
                c50 = TLanes.MultiplyAdd(v, b0, c50);
                c51 = TLanes.MultiplyAdd(v, b1, c51);
                b0 = TLanes.Load(b + 4 * TLanes.Count);
                b1 = TLanes.Load(b + 5 * TLanes.Count);
                v = TLanes.Broadcast(a0[p + 2 * TStep.Value]);
                c00 = TLanes.MultiplyAdd(v, b0, c00);
                c01 = TLanes.MultiplyAdd(v, b1, c01);
                v = TLanes.Broadcast(a1[p + 2 * TStep.Value]);
                c10 = TLanes.MultiplyAdd(v, b0, c10);
                c11 = TLanes.MultiplyAdd(v, b1, c11);
                v = TLanes.Broadcast(a2[p + 2 * TStep.Value]);
                c20 = TLanes.MultiplyAdd(v, b0, c20);
                c21 = TLanes.MultiplyAdd(v, b1, c21);
                v = TLanes.Broadcast(a3[p + 2 * TStep.Value]);
                c30 = TLanes.MultiplyAdd(v, b0, c30);
                c31 = TLanes.MultiplyAdd(v, b1, c31);
                v = TLanes.Broadcast(a4[p + 2 * TStep.Value]);
                c40 = TLanes.MultiplyAdd(v, b0, c40);
                c41 = TLanes.MultiplyAdd(v, b1, c41);
                v = TLanes.Broadcast(a5[p + 2 * TStep.Value]);
                c50 = TLanes.MultiplyAdd(v, b0, c50);
                c51 = TLanes.MultiplyAdd(v, b1, c51);
                b0 = TLanes.Load(b + 6 * TLanes.Count);
                b1 = TLanes.Load(b + 7 * TLanes.Count);
                v = TLanes.Broadcast(a0[p + 3 * TStep.Value]);
                c00 = TLanes.MultiplyAdd(v, b0, c00);
                c01 = TLanes.MultiplyAdd(v, b1, c01);
                v = TLanes.Broadcast(a1[p + 3 * TStep.Value]);
                c10 = TLanes.MultiplyAdd(v, b0, c10);
                c11 = TLanes.MultiplyAdd(v, b1, c11);
                v = TLanes.Broadcast(a2[p + 3 * TStep.Value]);
                c20 = TLanes.MultiplyAdd(v, b0, c20);
                c21 = TLanes.MultiplyAdd(v, b1, c21);
                v = TLanes.Broadcast(a3[p + 3 * TStep.Value]);
                c30 = TLanes.MultiplyAdd(v, b0, c30);
                c31 = TLanes.MultiplyAdd(v, b1, c31);
                v = TLanes.Broadcast(a4[p + 3 * TStep.Value]);
                c40 = TLanes.MultiplyAdd(v, b0, c40);
                c41 = TLanes.MultiplyAdd(v, b1, c41);
                v = TLanes.Broadcast(a5[p + 3 * TStep.Value]);
                c50 = TLanes.MultiplyAdd(v, b0, c50);
                c51 = TLanes.MultiplyAdd(v, b1, c51);
            }
            Put<TLanes, TVector>(c00, c01, c, product);
            Put<TLanes, TVector>(c10, c11, c + stride, product);
            Put<TLanes, TVector>(c20, c21, c + 2 * stride, product);
            Put<TLanes, TVector>(c30, c31, c + 3 * stride, product);
            Put<TLanes, TVector>(c40, c41, c + 4 * stride, product);
            if (product.Rows > 5) Put<TLanes, TVector>(c50, c51, c + 5 * stride, product);
            c += product.CTile;
            a0 += product.ATile;
            a1 += product.ATile;
            a2 += product.ATile;
            a3 += product.ATile;
            a4 += product.ATile;
            a5 += product.ATile;
        }
    }
}
