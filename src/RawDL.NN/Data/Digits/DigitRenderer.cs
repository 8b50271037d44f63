namespace RawDL.NN;

/// <summary>
/// Draws digits as a pen would: a style of writing, every control point moved a little, the curve bent by a smooth field, stretched, slanted
/// and turned, then inked with a nib of varying width. One sample is a function of (seed, split, index) alone. Only additions,
/// multiplications, divisions and square roots are used, which IEEE 754 rounds alike everywhere: the same bytes on every machine.
/// </summary>
internal sealed class DigitRenderer(ulong seed, int split)
{
    public const int Side = 28, Pixels = Side * Side;

    private const int StepsPerSpan = 5;
    private const float Box = 20f, Centre = (Side - 1) * 0.5f;

    private readonly float[] _ink = new float[Pixels];
    private readonly float[] _x = new float[DigitSkeletons.MaxPoints], _y = new float[DigitSkeletons.MaxPoints];
    private readonly float[] _field = new float[12];
    private RandomStream _random;
    private Pen _pen;

    /// <summary>All that one writer does to one digit: the map from the unit square to pixels, and the nib.</summary>
    private record struct Pen(float Xx, float Xy, float Yx, float Yy, float X, float Y, float Radius, float Softness, float Strength, float GapX, float GapY, float GapRadius);

    /// <summary>Draws sample <paramref name="index"/> over <paramref name="image"/> (28 × 28 bytes, 255 = full ink) and returns its label.</summary>
    public int Draw(int index, Span<byte> image)
    {
        _random = new RandomStream(seed, RandomStreams.Digits | (ulong)(uint)split << 32 | (uint)index);
        var digit = _random.NextInt(10);
        var strokes = DigitSkeletons.Strokes(digit, _random.NextInt(DigitSkeletons.Count(digit)));
        Array.Clear(_ink);
        TakePen();
        foreach (ref var amplitude in _field.AsSpan()) amplitude = Bell() * 0.035f;
        var jitter = _random.NextFloat(0.008f, 0.030f);
        foreach (var stroke in strokes) DrawStroke(stroke, jitter);
        if (_random.NextInt(12) == 0) DrawClutter();
        Develop(image);
        return digit;
    }

    private void TakePen()
    {
        var angle = Bell() * 0.16f;
        var (sin, cos) = Angle.SinCos(angle);
        var slant = Bell() * 0.22f + 0.08f;
        var size = Box * (0.88f + Bell() * 0.11f);
        float width = size * (0.92f + Bell() * 0.14f), height = size * (1 + Bell() * 0.07f);
        float s = (float)sin, c = (float)cos;
        // Slant first, then stretch, then turn; y grows downwards, so a slant to the right is negative in y.
        _pen = new Pen(
            c * width, -slant * c * width - s * height,
            s * width, -slant * s * width + c * height,
            Centre + Bell() * 1.5f, Centre + Bell() * 1.5f,
            Math.Clamp(1.15f + Bell() * 0.42f, 0.55f, 2.1f), _random.NextFloat(0.9f, 1.7f), _random.NextFloat(0.75f, 1.15f),
            0, 0, 0);
        // The pen skips once in a while: a small disc where little ink lands.
        if (_random.NextInt(8) == 0)
            _pen = _pen with { GapX = _random.NextFloat(7, 21), GapY = _random.NextFloat(5, 23), GapRadius = _random.NextFloat(0.8f, 1.8f) };
    }

    private void DrawStroke(DigitStroke stroke, float jitter)
    {
        for (var i = 0; i < stroke.Length; i++) (_x[i], _y[i]) = (stroke.X[i] + Bell() * jitter, stroke.Y[i] + Bell() * jitter);
        float pressure = 1 + Bell() * 0.12f, slope = Bell() * 0.12f;
        var (x, y) = Place(_x[0], _y[0]);
        var spans = stroke.Length - 1;
        for (var i = 0; i < spans; i++)
        {
            // Catmull and Rom's spline; at a corner or an end the tangent looks to one side only.
            var before = i == 0 || stroke.Corner[i] ? i : i - 1;
            var after = i + 1 == spans || stroke.Corner[i + 1] ? i + 1 : i + 2;
            for (var step = 1; step <= StepsPerSpan; step++)
            {
                var t = step / (float)StepsPerSpan;
                var (nextX, nextY) = Place(Spline(_x, before, i, after, t), Spline(_y, before, i, after, t));
                var along = (i + t) / spans - 0.5f;
                DrawSegment(x, y, nextX, nextY, _pen.Radius * Math.Max(0.4f, pressure + slope * 2 * along));
                (x, y) = (nextX, nextY);
            }
        }
    }

    private static float Spline(float[] p, int before, int i, int after, float t)
    {
        float p1 = p[i], p2 = p[i + 1], m1 = (p2 - p[before]) * (before == i ? 1f : 0.5f), m2 = (p[after] - p1) * (after == i + 1 ? 1f : 0.5f);
        float t2 = t * t, t3 = t2 * t;
        return (2 * t3 - 3 * t2 + 1) * p1 + (t3 - 2 * t2 + t) * m1 + (3 * t2 - 2 * t3) * p2 + (t3 - t2) * m2;
    }

    /// <summary>From the unit square to pixels, through the smooth field: a polynomial of degree 3 in x and y with random coefficients.</summary>
    private (float X, float Y) Place(float x, float y)
    {
        float u = 2 * x - 1, v = 2 * y - 1;
        float uu = u * u - 0.33f, vv = v * v - 0.33f, uv = u * v;
        float dx = _field[0] * uu + _field[1] * vv + _field[2] * uv + _field[3] * u * vv + _field[4] * v * uu + _field[5] * v * vv * 1.5f;
        float dy = _field[6] * uu + _field[7] * vv + _field[8] * uv + _field[9] * u * vv + _field[10] * v * uu + _field[11] * u * uu * 1.5f;
        float a = x - 0.5f + dx, b = y - 0.5f + dy;
        return (_pen.Xx * a + _pen.Xy * b + _pen.X, _pen.Yx * a + _pen.Yy * b + _pen.Y);
    }

    /// <summary>Inks a segment with round ends: full within the radius, fading over the softness of the edge. Darker ink wins.</summary>
    private void DrawSegment(float ax, float ay, float bx, float by, float radius)
    {
        float reach = radius + _pen.Softness * 0.5f, fade = 1 / _pen.Softness;
        int left = Math.Max(0, (int)(Math.Min(ax, bx) - reach)), right = Math.Min(Side - 1, (int)(Math.Max(ax, bx) + reach) + 1);
        int top = Math.Max(0, (int)(Math.Min(ay, by) - reach)), bottom = Math.Min(Side - 1, (int)(Math.Max(ay, by) + reach) + 1);
        float dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy, inverse = length > 0 ? 1 / length : 0;
        for (var y = top; y <= bottom; y++)
        {
            for (var x = left; x <= right; x++)
            {
                float px = x - ax, py = y - ay;
                var t = Math.Clamp((px * dx + py * dy) * inverse, 0f, 1f);
                float ex = px - t * dx, ey = py - t * dy;
                var square = ex * ex + ey * ey;
                if (square >= reach * reach) continue;
                var ink = Math.Min(1f, (reach - MathF.Sqrt(square)) * fade);
                ref var pixel = ref _ink[y * Side + x];
                if (ink > pixel) pixel = ink;
            }
        }
    }

    /// <summary>A speck or a short scratch, as from a neighbouring character or dirty paper, away from the middle.</summary>
    private void DrawClutter()
    {
        var side = _random.NextInt(4);
        float along = _random.NextFloat(2, 26), edge = _random.NextInt(2) == 0 ? _random.NextFloat(0, 2.5f) : _random.NextFloat(25, 27.5f);
        var (x, y) = side < 2 ? (edge, along) : (along, edge);
        DrawSegment(x, y, x + Bell() * 1.6f, y + Bell() * 1.6f, _random.NextFloat(0.3f, 0.9f));
    }

    private void Develop(Span<byte> image)
    {
        var gap = _pen.GapRadius;
        for (var i = 0; i < Pixels; i++)
        {
            var ink = Math.Min(1f, _ink[i] * _pen.Strength);
            if (gap > 0)
            {
                float dx = i % Side - _pen.GapX, dy = i / Side - _pen.GapY;
                ink *= Math.Clamp((dx * dx + dy * dy) / (gap * gap), 0.25f, 1f);
            }
            // The paper stays white, as scanners clip it; only ink is grainy.
            if (ink > 0) ink += (_random.NextFloat() - 0.5f) * 0.16f;
            image[i] = (byte)(Math.Clamp(ink, 0f, 1f) * 255f + 0.5f);
        }
    }

    /// <summary>Near-normal numbers with deviation 1 and no tail beyond 3.5: the sum of four uniform ones. A logarithm would not be the same everywhere.</summary>
    private float Bell() => (_random.NextFloat() + _random.NextFloat() + _random.NextFloat() + _random.NextFloat() - 2f) * 1.7320508f;
}
