using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace RawDL;

// The tile of matrix products: C[rows, columns] = Σ_k a[r, k] · b[k, ·], sums held in registers. Lanes are columns; b is read vector by vector, where it
// lies or from a panel; a one element per row and k, and broadcast. Each k is one multiply-add per element, in order of k, so an element's bits do not
// depend on the tile it falls into.
public sealed unsafe partial class CpuDevice
{
    /// <summary>C[r, j] = Σ_k A[r · ARow + k · AStep] · B[k · BStep + j], of <see cref="Rows"/> rows and <see cref="Columns"/> columns that are wanted, and
    /// so for some tiles in turn, down or across. B is readable over the whole width of a tile.</summary>
    private struct Product
    {
        public float* A, B, C;
        public nint ARow, AStep, BStep, CStride;
        // From each tile to the next.
        public nint ATile, BTile, CTile;
        // From each packed panel of A, TLanes.Rows high, to the next; 0 where A is read where it lies.
        public nint LeftPanel;
        public int Tiles, Depth, Rows, Columns;
        public Store Store;
        // What is needed next, or null.
        public float* Ahead;

        // Rows beyond the last are computed from the first, and not stored.
        public readonly float* Row(int r) => A + (r < Rows ? r * ARow : 0);
    }

    /// <summary>All rows by one strip of columns.</summary>
    private static void MultiplyDown<TLanes, TVector>(Product product, int rows) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        product.BTile = 0;
        for (var height = 0; rows > 0; rows -= product.Tiles * height)
        {
            height = product.LeftPanel != 0 ? TLanes.Rows : product.Columns <= TLanes.Count ? 8 : NextRows(TLanes.Rows, rows);
            product.Rows = Math.Min(height, rows);
            // Of tiles of 6, the last makes way for two of 4 where it would be followed by 1 or 2 rows.
            var exchanged = product.LeftPanel == 0 && height == 6 && rows % 6 is 1 or 2;
            product.Tiles = height == 4 ? 1 : Math.Max(1, rows / height - (exchanged ? 1 : 0));
            product.ATile = product.LeftPanel != 0 ? product.LeftPanel : height * product.ARow;
            product.CTile = height * product.CStride;
            MultiplyTiles<TLanes, TVector>(product);
            product.A += product.Tiles * product.ATile;
            product.C += product.Tiles * product.CTile;
        }
    }

    /// <summary>All rows by some whole strips of columns, along the rows of C.</summary>
    private static void MultiplyAcross<TLanes, TVector>(Product product, int rows, int strips)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        product.Tiles = strips;
        product.ATile = 0;
        product.CTile = 2 * TLanes.Count;
        for (var height = 0; rows > 0; rows -= height)
        {
            height = product.LeftPanel != 0 ? TLanes.Rows : NextRows(TLanes.Rows, rows);
            product.Rows = Math.Min(height, rows);
            MultiplyTiles<TLanes, TVector>(product);
            product.A += product.LeftPanel != 0 ? product.LeftPanel : height * product.ARow;
            product.C += height * product.CStride;
        }
    }

    /// <summary>Tiles of two vectors across, or of one where no more columns are wanted.</summary>
    private static void MultiplyTiles<TLanes, TVector>(in Product product) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        if (product.Columns <= TLanes.Count) Rows8Narrow<TLanes, TVector>(product);
        else if (product.Rows <= 4) Rows4<TLanes, TVector>(product);
        else if (TLanes.Rows == 8) Rows8<TLanes, TVector>(product);
        else if (!IsEven<TLanes, TVector>(product)) Rows6<TLanes, TVector>(product);
        else if (product.AStep == 1) Rows6Even<TLanes, TVector, StepOfOne>(product);
        else Rows6Even<TLanes, TVector, StepOfSix>(product);
    }

    // 16 sums, 2 vectors of b and one broadcast of 32 registers; at least 5 rows are wanted.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8<TLanes, TVector>(in Product product)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        float* a0 = product.A, a1 = product.Row(1), a2 = product.Row(2), a3 = product.Row(3);
        float* a4 = product.Row(4), a5 = product.Row(5), a6 = product.Row(6), a7 = product.Row(7);
        nint step = product.AStep, bStep = product.BStep, end = step * product.Depth;
        var c = product.C;
        nint stride = product.CStride;
        for (var tile = 0; tile < product.Tiles; tile++)
        {
            Prefetch(product, tile);
            var b = product.B + tile * product.BTile;
            TVector c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
            TVector c40 = default, c41 = default, c50 = default, c51 = default, c60 = default, c61 = default, c70 = default, c71 = default;
            for (nint p = 0; p != end; p += step, b += bStep)
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
                v = TLanes.Broadcast(a6[p]);
                c60 = TLanes.MultiplyAdd(v, b0, c60);
                c61 = TLanes.MultiplyAdd(v, b1, c61);
                v = TLanes.Broadcast(a7[p]);
                c70 = TLanes.MultiplyAdd(v, b0, c70);
                c71 = TLanes.MultiplyAdd(v, b1, c71);
            }
            Put<TLanes, TVector>(c00, c01, c, product);
            Put<TLanes, TVector>(c10, c11, c + stride, product);
            Put<TLanes, TVector>(c20, c21, c + 2 * stride, product);
            Put<TLanes, TVector>(c30, c31, c + 3 * stride, product);
            Put<TLanes, TVector>(c40, c41, c + 4 * stride, product);
            if (product.Rows > 5) Put<TLanes, TVector>(c50, c51, c + 5 * stride, product);
            if (product.Rows > 6) Put<TLanes, TVector>(c60, c61, c + 6 * stride, product);
            if (product.Rows > 7) Put<TLanes, TVector>(c70, c71, c + 7 * stride, product);
            c += product.CTile;
            a0 += product.ATile;
            a1 += product.ATile;
            a2 += product.ATile;
            a3 += product.ATile;
            a4 += product.ATile;
            a5 += product.ATile;
            a6 += product.ATile;
            a7 += product.ATile;
        }
    }

    // 12 sums, 2 vectors of b and one broadcast of 16 registers; at least 5 rows are wanted.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6<TLanes, TVector>(in Product product)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        float* a0 = product.A, a1 = product.Row(1), a2 = product.Row(2), a3 = product.Row(3);
        float* a4 = product.Row(4), a5 = product.Row(5);
        nint step = product.AStep, bStep = product.BStep, end = step * product.Depth;
        var c = product.C;
        nint stride = product.CStride;
        for (var tile = 0; tile < product.Tiles; tile++)
        {
            Prefetch(product, tile);
            var b = product.B + tile * product.BTile;
            TVector c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
            TVector c40 = default, c41 = default, c50 = default, c51 = default;
            for (nint p = 0; p != end; p += step, b += bStep)
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

    // 8 sums, as many as two units with a latency of four need.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4<TLanes, TVector>(in Product product)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        float* a0 = product.A, a1 = product.Row(1), a2 = product.Row(2), a3 = product.Row(3);
        nint step = product.AStep, bStep = product.BStep, end = step * product.Depth;
        var c = product.C;
        nint stride = product.CStride;
        for (var tile = 0; tile < product.Tiles; tile++)
        {
            Prefetch(product, tile);
            var b = product.B + tile * product.BTile;
            TVector c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
            for (nint p = 0; p != end; p += step, b += bStep)
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
            }
            Put<TLanes, TVector>(c00, c01, c, product);
            if (product.Rows > 1) Put<TLanes, TVector>(c10, c11, c + stride, product);
            if (product.Rows > 2) Put<TLanes, TVector>(c20, c21, c + 2 * stride, product);
            if (product.Rows > 3) Put<TLanes, TVector>(c30, c31, c + 3 * stride, product);
            c += product.CTile;
            a0 += product.ATile;
            a1 += product.ATile;
            a2 += product.ATile;
            a3 += product.ATile;
        }
    }

    // One vector across, for the last columns where half of a wider tile would be empty.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8Narrow<TLanes, TVector>(in Product product)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        float* a0 = product.A, a1 = product.Row(1), a2 = product.Row(2), a3 = product.Row(3);
        float* a4 = product.Row(4), a5 = product.Row(5), a6 = product.Row(6), a7 = product.Row(7);
        nint step = product.AStep, bStep = product.BStep, end = step * product.Depth;
        var c = product.C;
        nint stride = product.CStride;
        for (var tile = 0; tile < product.Tiles; tile++)
        {
            Prefetch(product, tile);
            var b = product.B + tile * product.BTile;
            TVector c0 = default, c1 = default, c2 = default, c3 = default;
            TVector c4 = default, c5 = default, c6 = default, c7 = default;
            for (nint p = 0; p != end; p += step, b += bStep)
            {
                var b0 = TLanes.Load(b);
                c0 = TLanes.MultiplyAdd(TLanes.Broadcast(a0[p]), b0, c0);
                c1 = TLanes.MultiplyAdd(TLanes.Broadcast(a1[p]), b0, c1);
                c2 = TLanes.MultiplyAdd(TLanes.Broadcast(a2[p]), b0, c2);
                c3 = TLanes.MultiplyAdd(TLanes.Broadcast(a3[p]), b0, c3);
                c4 = TLanes.MultiplyAdd(TLanes.Broadcast(a4[p]), b0, c4);
                c5 = TLanes.MultiplyAdd(TLanes.Broadcast(a5[p]), b0, c5);
                c6 = TLanes.MultiplyAdd(TLanes.Broadcast(a6[p]), b0, c6);
                c7 = TLanes.MultiplyAdd(TLanes.Broadcast(a7[p]), b0, c7);
            }
            Put<TLanes, TVector>(c0, c, product.Columns, product.Store);
            if (product.Rows > 1) Put<TLanes, TVector>(c1, c + stride, product.Columns, product.Store);
            if (product.Rows > 2) Put<TLanes, TVector>(c2, c + 2 * stride, product.Columns, product.Store);
            if (product.Rows > 3) Put<TLanes, TVector>(c3, c + 3 * stride, product.Columns, product.Store);
            if (product.Rows > 4) Put<TLanes, TVector>(c4, c + 4 * stride, product.Columns, product.Store);
            if (product.Rows > 5) Put<TLanes, TVector>(c5, c + 5 * stride, product.Columns, product.Store);
            if (product.Rows > 6) Put<TLanes, TVector>(c6, c + 6 * stride, product.Columns, product.Store);
            if (product.Rows > 7) Put<TLanes, TVector>(c7, c + 7 * stride, product.Columns, product.Store);
            c += product.CTile;
            a0 += product.ATile;
            a1 += product.ATile;
            a2 += product.ATile;
            a3 += product.ATile;
            a4 += product.ATile;
            a5 += product.ATile;
            a6 += product.ATile;
            a7 += product.ATile;
        }
    }

    // The next strip of a packed B comes into L2 while this one is multiplied, half a kilobyte with each tile.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(in Product product, int tile)
    {
        if (!Sse.IsSupported || product.Ahead == null) return;
        for (var line = 0; line < 8; line++) Sse.Prefetch1(product.Ahead + tile * 128 + line * 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<TLanes, TVector>(TVector left, TVector right, float* c, in Product product)
        where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        Put<TLanes, TVector>(left, c, TLanes.Count, product.Store);
        Put<TLanes, TVector>(right, c + TLanes.Count, product.Columns - TLanes.Count, product.Store);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<TLanes, TVector>(TVector lanes, float* c, int columns, Store store) where TLanes : struct, ILanes<TVector> where TVector : unmanaged
    {
        if (columns >= TLanes.Count) TLanes.Store(store == Store.Add ? TLanes.Add(lanes, TLanes.Load(c)) : lanes, c);
        else TLanes.StoreFirst(store == Store.Add ? TLanes.Add(lanes, TLanes.LoadFirst(c, columns)) : lanes, c, columns);
    }
}
