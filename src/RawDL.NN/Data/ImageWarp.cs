using System.Numerics;

namespace RawDL.NN;

/// <summary>Resamples one image after an <see cref="Augmentation"/>. Holds its scratch memory, so one per thread.</summary>
internal sealed class ImageWarp
{
    // Knots about 7 pixels apart for a 28-pixel image: fields bend over about a quarter of the image, as with the filter width 4 of the paper.
    private const int Cells = 4, Knots = Cells + 3;

    private readonly Augmentation _augmentation;
    private readonly int _channels, _height, _width;
    // The image, in resampling with a frame of zeros around each plane, so that a pixel whose neighbours lie outside is like any other.
    private readonly float[] _source;
    // Of a row, and of as many more pixels as fill the last vector: where they come from, and what they become in each channel.
    private readonly float[] _u, _v, _pixels;
    private readonly float[] _knotsX = new float[Knots * Knots], _knotsY = new float[Knots * Knots];
    private readonly float[] _weightsX, _weightsY;      // [W, 4], [H, 4] B-spline weights
    private readonly int[] _cellX, _cellY;

    public ImageWarp(Augmentation augmentation, Shape sample)
    {
        augmentation.Require(sample);
        _augmentation = augmentation;
        (_channels, _height, _width) = (sample[0], sample[1], sample[2]);
        _source = new float[_channels * Framed];
        var row = (_width + Vector<float>.Count - 1) / Vector<float>.Count * Vector<float>.Count;
        (_u, _v, _pixels) = (new float[row], new float[row], new float[_channels * row]);
        (_weightsX, _cellX) = Spline(_width);
        (_weightsY, _cellY) = Spline(_height);
    }

    // A pixel to the left and above, two to the right and below, whose weight is 0.
    private int Stride => _width + 3;

    private int Framed => Stride * (_height + 3);

    /// <summary>Changes <paramref name="image"/> in place.</summary>
    public void Apply(Span<float> image, ulong seed, int epoch, int index)
    {
        var random = new RandomStream(seed, RandomStreams.Augmentation | ((ulong)(uint)epoch & 0xFFFFFF) << 32 | (uint)index);
        if (_augmentation is { Rotation: 0, Scale: 0, Elastic: 0 })
        {
            var limit = (int)_augmentation.Shift;
            Shift(image, random.NextInt(2 * limit + 1) - limit, random.NextInt(2 * limit + 1) - limit);
            return;
        }
        float shiftX = Draw(ref random, _augmentation.Shift), shiftY = Draw(ref random, _augmentation.Shift);
        var (sin, cos) = Angle.SinCos(Draw(ref random, _augmentation.Rotation) * (Math.PI / 180));
        var scale = 1 / (1 + Draw(ref random, _augmentation.Scale));
        var elastic = _augmentation.Elastic > 0;
        if (elastic)
        {
            foreach (ref var knot in _knotsX.AsSpan()) knot = Draw(ref random, _augmentation.Elastic);
            foreach (ref var knot in _knotsY.AsSpan()) knot = Draw(ref random, _augmentation.Elastic);
        }
        for (var row = 0; row < _channels * _height; row++)
            image.Slice(row * _width, _width).CopyTo(_source.AsSpan(row / _height * Framed + (row % _height + 1) * Stride + 1));
        Resample(image, new Affine((float)cos * scale, (float)sin * scale, shiftX, shiftY), elastic);
    }

    /// <summary>Where a pixel comes from: turned and scaled about the centre of the image, then shifted.</summary>
    private readonly record struct Affine(float Cos, float Sin, float ShiftX, float ShiftY);

    private void Resample(Span<float> image, Affine map, bool elastic)
    {
        float centreX = (_width - 1) * 0.5f, centreY = (_height - 1) * 0.5f;
        Span<float> rowX = stackalloc float[Knots], rowY = stackalloc float[Knots];
        for (var y = 0; y < _height; y++)
        {
            var dy = y - centreY - map.ShiftY;
            for (var x = 0; x < _u.Length; x += Vector<float>.Count)
            {
                var dx = Vector.ConvertToSingle(new Vector<int>(x) + Vector<int>.Indices) - new Vector<float>(centreX) - new Vector<float>(map.ShiftX);
                (map.Cos * dx + new Vector<float>(map.Sin * dy) + new Vector<float>(centreX)).CopyTo(_u, x);
                (new Vector<float>(map.Cos * dy) - map.Sin * dx + new Vector<float>(centreY)).CopyTo(_v, x);
            }
            if (elastic)
            {
                BlendRows(y, rowX, rowY);
                for (var x = 0; x < _width; x++)
                {
                    _u[x] += Blend(rowX, x);
                    _v[x] += Blend(rowY, x);
                }
            }
            for (var x = 0; x < _u.Length; x += Vector<float>.Count) Sample(x);
            for (var c = 0; c < _channels; c++) _pixels.AsSpan(c * _u.Length, _width).CopyTo(image[((c * _height + y) * _width)..]);
        }
    }

    // Bilinear, between the four pixels around the place.
    private void Sample(int x)
    {
        Span<float> a = stackalloc float[Vector<float>.Count], b = stackalloc float[Vector<float>.Count], d = stackalloc float[Vector<float>.Count], e = stackalloc float[Vector<float>.Count];
        Vector<float> u = new(_u, x), v = new(_v, x), one = Vector<float>.One;
        // Beyond one pixel outside nothing contributes; then any place in the frame will do.
        var inside = Vector.GreaterThan(u, -one) & Vector.GreaterThan(v, -one) & Vector.LessThan(u, new Vector<float>(_width)) & Vector.LessThan(v, new Vector<float>(_height));
        (u, v) = (Vector.ConditionalSelect(inside, u, -one), Vector.ConditionalSelect(inside, v, -one));
        Vector<int> left = Vector.ConvertToInt32(u + one), top = Vector.ConvertToInt32(v + one);
        var places = top * Stride + left;
        Vector<float> fx = u - Vector.ConvertToSingle(left - Vector<int>.One), fy = v - Vector.ConvertToSingle(top - Vector<int>.One);
        for (var c = 0; c < _channels; c++)
        {
            for (var i = 0; i < Vector<float>.Count; i++)
            {
                var four = _source.AsSpan(c * Framed + places[i], Stride + 2);
                (a[i], b[i], d[i], e[i]) = (four[0], four[1], four[^2], four[^1]);
            }
            Vector<float> leftAbove = new(a), leftBelow = new(d);
            var value = (leftAbove + (new Vector<float>(b) - leftAbove) * fx) * (one - fy) + (leftBelow + (new Vector<float>(e) - leftBelow) * fx) * fy;
            Vector.ConditionalSelect(inside, value, Vector<float>.Zero).CopyTo(_pixels, c * _u.Length + x);
        }
    }

    private void Shift(Span<float> image, int shiftX, int shiftY)
    {
        if (shiftX == 0 && shiftY == 0) return;
        image.CopyTo(_source);
        image.Clear();
        var columns = _width - Math.Abs(shiftX);
        if (columns <= 0) return;
        for (var c = 0; c < _channels; c++)
        {
            for (var y = Math.Max(0, shiftY); y < _height + Math.Min(0, shiftY); y++)
            {
                var from = (c * _height + y - shiftY) * _width + Math.Max(0, -shiftX);
                var to = (c * _height + y) * _width + Math.Max(0, shiftX);
                _source.AsSpan(from, columns).CopyTo(image[to..]);
            }
        }
    }

    private void BlendRows(int y, Span<float> rowX, Span<float> rowY)
    {
        var weights = _weightsY.AsSpan(y * 4, 4);
        for (var k = 0; k < Knots; k++)
        {
            float sumX = 0, sumY = 0;
            for (var j = 0; j < 4; j++)
            {
                var knot = (_cellY[y] + j) * Knots + k;
                sumX += weights[j] * _knotsX[knot];
                sumY += weights[j] * _knotsY[knot];
            }
            (rowX[k], rowY[k]) = (sumX, sumY);
        }
    }

    private float Blend(ReadOnlySpan<float> row, int x)
    {
        var k = _cellX[x];
        var w = x * 4;
        return _weightsX[w] * row[k] + _weightsX[w + 1] * row[k + 1] + _weightsX[w + 2] * row[k + 2] + _weightsX[w + 3] * row[k + 3];
    }

    // Uniform cubic B-spline weights: they are positive and sum to 1, so no displacement exceeds the largest knot.
    private static (float[] Weights, int[] Cell) Spline(int extent)
    {
        var weights = new float[extent * 4];
        var cell = new int[extent];
        for (var i = 0; i < extent; i++)
        {
            var t = extent > 1 ? (float)i * Cells / (extent - 1) : 0;
            cell[i] = Math.Min((int)t, Cells - 1);
            t -= cell[i];
            var s = 1 - t;
            weights[i * 4] = s * s * s / 6;
            weights[i * 4 + 1] = (3 * t * t * t - 6 * t * t + 4) / 6;
            weights[i * 4 + 2] = (3 * s * s * s - 6 * s * s + 4) / 6;
            weights[i * 4 + 3] = t * t * t / 6;
        }
        return (weights, cell);
    }

    private static float Draw(ref RandomStream random, float limit) => limit == 0 ? 0 : random.NextFloat(-limit, limit);
}
