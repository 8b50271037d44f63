namespace RawDL;

public static partial class TensorOps
{
    /// <summary>C = A·B, either operand read transposed.</summary>
    /// <param name="a">[Rows, Inner], or [Inner, Rows] when read transposed.</param>
    /// <param name="b">[Inner, Columns], or [Columns, Inner] when read transposed.</param>
    /// <param name="transpose">Which operands are read transposed; nothing is moved in memory for it.</param>
    /// <returns>[Rows, Columns]; zeros where Inner is 0.</returns>
    /// <exception cref="ShapeException">An operand is not of rank 2, or the inner extents differ.</exception>
    /// <remarks>dA = dC·Bᵀ and dB = Aᵀ·dC, each transposed back where its operand was.</remarks>
    public static Tensor MatMul(this Tensor a, Tensor b, Transpose transpose = Transpose.None)
    {
        var geometry = MatMulGeometry.Resolve(a.Shape, b.Shape, transpose);
        var tape = Tape.Of(a, b);
        var c = tape.Allocate(new Shape(geometry.Rows, geometry.Columns));
        tape.Device.MatMul(geometry, a, b, c, Store.Overwrite);
        tape.Record(c, (geometry, a, b, c), static step => MatMulBackward(step.geometry, step.a, step.b, step.c.Gradient!));
        return c;
    }

    private static void MatMulBackward(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor dc)
    {
        var device = dc.Device;
        var (rows, columns, inner, transpose) = geometry;
        var right = (transpose & Transpose.Right) != 0;
        var left = (transpose & Transpose.Left) != 0;
        if (a.TakeGradient(out var store) is { } da)
        {
            // dA [rows, inner] = dC·Bᵀ, or its transpose B·dCᵀ. B is read as it lies when it was read transposed before.
            if (left) device.MatMul(new(inner, rows, columns, right ? Transpose.Both : Transpose.Right), b, dc, da, store);
            else device.MatMul(new(rows, inner, columns, right ? Transpose.None : Transpose.Right), dc, b, da, store);
        }
        if (b.TakeGradient(out store) is { } db)
        {
            if (right) device.MatMul(new(columns, inner, rows, left ? Transpose.Both : Transpose.Left), dc, a, db, store);
            else device.MatMul(new(inner, columns, rows, left ? Transpose.None : Transpose.Left), a, dc, db, store);
        }
    }
}

public readonly partial record struct MatMulGeometry
{
    /// <summary>Checks A and B and resolves the problem.</summary>
    /// <exception cref="ShapeException">An operand is not of rank 2, or the inner extents differ.</exception>
    public static MatMulGeometry Resolve(Shape a, Shape b, Transpose transpose)
    {
        if (a.Rank != 2 || b.Rank != 2) throw new ShapeException($"MatMul: expected matrices of rank 2, got a {a} and b {b}.");
        var (rows, inner) = (transpose & Transpose.Left) != 0 ? (a[1], a[0]) : (a[0], a[1]);
        var (columns, other) = (transpose & Transpose.Right) != 0 ? (b[0], b[1]) : (b[1], b[0]);
        if (inner != other)
            throw new ShapeException($"MatMul: expected equal inner extents, got {inner} in a {a} and {other} in b {b} (transpose {transpose}).");
        return new MatMulGeometry(rows, columns, inner, transpose);
    }
}
