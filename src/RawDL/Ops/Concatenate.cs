namespace RawDL;

public static partial class TensorOps
{
    /// <summary>Joins tensors along one dimension, in order.</summary>
    /// <param name="parts">At least one; all extents but the joined one are equal.</param>
    /// <param name="dimension">The dimension; −1 is the innermost.</param>
    /// <returns>The common shape with the sum of the extents in the dimension.</returns>
    /// <exception cref="ShapeException">No part, no such dimension, or shapes that differ elsewhere.</exception>
    /// <remarks>Each part's gradient is its own range of dy.</remarks>
    public static Tensor Concatenate(IReadOnlyList<Tensor> parts, int dimension)
    {
        if (parts.Count == 0) throw new ShapeException("Concatenate: expected at least one tensor, got none.");
        var first = parts[0].Shape;
        var d = Dimension(first, dimension, nameof(Concatenate));
        var tape = parts[0].Tape;
        var total = 0L;
        foreach (var part in parts)
        {
            if (part.Shape.Rank != first.Rank || Without(part.Shape, d) != Without(first, d))
                throw new ShapeException($"Concatenate: expected {first} in all but dimension {d}, got {part.Shape}.");
            total += part.Shape[d];
            tape ??= part.Tape;
        }
        if (total > int.MaxValue) throw new ShapeException($"Concatenate: expected an extent of at most {int.MaxValue} in dimension {d}, got {total}.");
        var extents = first.ToArray();
        extents[d] = (int)total;
        tape ??= Tape.Of(parts[0]);
        var y = tape.Allocate(new Shape(extents));
        var around = Around(y.Shape, d);
        for (int i = 0, start = 0; i < parts.Count; start += parts[i++].Shape[d])
            tape.Device.Region(Reversed(Rows(around, start, parts[i].Shape[d])), parts[i], y, Store.Overwrite);
        tape.Record(y, (d, around, parts, y), static step =>
        {
            var (d, around, parts, y) = step;
            for (int i = 0, start = 0; i < parts.Count; start += parts[i++].Shape[d])
                if (parts[i].Gradient is { } dx) y.Device.Region(Rows(around, start, parts[i].Shape[d]), y.Gradient!, dx, Store.Add);
        });
        return y;
    }
}
