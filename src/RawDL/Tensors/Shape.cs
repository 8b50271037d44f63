using System.Diagnostics.CodeAnalysis;

namespace RawDL;

/// <summary>The extents of a row-major tensor: rank 0 to 4, each extent ≥ 0, at most 2³¹ − 1 elements.</summary>
/// <remarks>The product of the extents above 0 is at most 2³¹ − 1 too, so that no product of a part overflows.</remarks>
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>The highest rank.</summary>
    public const int MaxRank = 4;

    // All zero for a scalar: default(Shape), which new Shape() is, must be one.
    private readonly int _d0, _d1, _d2, _d3, _count;

    /// <summary>Creates a shape from its extents, outermost first. No extent means a scalar.</summary>
    /// <exception cref="ShapeException">More than four extents, a negative one, or more than 2³¹ − 1 elements.</exception>
    public Shape(params ReadOnlySpan<int> extents)
    {
        if (extents.Length > MaxRank)
            throw new ShapeException($"Shape: expected at most {MaxRank} extents, got {extents.Length}.");
        long product = 1;
        var isEmpty = false;
        foreach (var extent in extents)
        {
            if (extent < 0)
                throw new ShapeException($"Shape: expected extents >= 0, got [{string.Join(", ", extents.ToArray())}].");
            isEmpty |= extent == 0;
            product *= Math.Max(extent, 1);
            if (product > int.MaxValue)
                throw new ShapeException($"Shape: expected at most {int.MaxValue} elements, got [{string.Join(", ", extents.ToArray())}].");
        }
        Rank = extents.Length;
        _count = isEmpty ? 0 : (int)product;
        _d0 = Rank > 0 ? extents[0] : 0;
        _d1 = Rank > 1 ? extents[1] : 0;
        _d2 = Rank > 2 ? extents[2] : 0;
        _d3 = Rank > 3 ? extents[3] : 0;
    }

    /// <summary>Number of extents, 0 to 4.</summary>
    public int Rank { get; }

    /// <summary>Number of elements: the product of the extents, 1 for a scalar.</summary>
    public int Count => Rank == 0 ? 1 : _count;

    /// <summary>One extent, the outermost at 0. Negative indices count from the innermost: −1 is the last.</summary>
    public int this[int dimension]
    {
        get
        {
            var i = dimension < 0 ? dimension + Rank : dimension;
            if ((uint)i >= (uint)Rank)
                throw new ShapeException($"Shape: expected a dimension below {Rank}, got {dimension} for {this}.");
            return i switch { 0 => _d0, 1 => _d1, 2 => _d2, _ => _d3 };
        }
    }

    /// <summary>The same shape with another outermost extent, as for a batch of another size.</summary>
    /// <exception cref="ShapeException">A scalar, or a batch that makes no shape.</exception>
    public Shape WithBatch(int batch) => Sample().Batched(batch);

    /// <summary>The shape without its outermost extent: one sample of a batch.</summary>
    /// <exception cref="ShapeException">A scalar.</exception>
    public Shape Sample()
    {
        if (Rank == 0) throw new ShapeException("Shape: expected at least one extent, the batch, got [].");
        ReadOnlySpan<int> inner = [_d1, _d2, _d3];
        return new Shape(inner[..(Rank - 1)]);
    }

    /// <summary>The shape with one more extent in front: a batch of samples.</summary>
    /// <exception cref="ShapeException">The rank would exceed 4, or the batch makes no shape.</exception>
    public Shape Batched(int batch)
    {
        ReadOnlySpan<int> extents = [batch, _d0, _d1, _d2, _d3];
        return new Shape(extents[..(Rank + 1)]);
    }

    /// <summary>The product of the extents from <paramref name="first"/> up to, not including, <paramref name="end"/>.</summary>
    public int Product(int first, int end)
    {
        var product = 1;
        for (var i = first; i < end; i++) product *= this[i];
        return product;
    }

    /// <summary>The extents, outermost first.</summary>
    public int[] ToArray()
    {
        var extents = new int[Rank];
        for (var i = 0; i < Rank; i++) extents[i] = this[i];
        return extents;
    }

    /// <inheritdoc/>
    public bool Equals(Shape other) =>
        Rank == other.Rank && _d0 == other._d0 && _d1 == other._d1 && _d2 == other._d2 && _d3 == other._d3;

    /// <inheritdoc/>
    public override bool Equals([NotNullWhen(true)] object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, _d0, _d1, _d2, _d3);

    /// <summary>Same rank and extents.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Another rank or another extent.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>The form used in every message: <c>[64, 1, 28, 28]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", ToArray())}]";
}
