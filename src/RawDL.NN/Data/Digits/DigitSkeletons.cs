namespace RawDL.NN;

/// <summary>One pen stroke: points in the unit square, x to the right and y down, joined by a smooth curve that bends sharply at corners.</summary>
internal sealed record DigitStroke(float[] X, float[] Y, bool[] Corner)
{
    public int Length => X.Length;
}

/// <summary>
/// The ways in which people write the ten digits, as pen strokes. A style is a line of text: points <c>x,y</c> in percent of the digit's
/// box, <c>!</c> after a corner, <c>/</c> where the pen is lifted.
/// </summary>
internal static class DigitSkeletons
{
    public const int MaxPoints = 16;

    private static readonly DigitStroke[][][] Styles =
    [
        [   // 0: closed, open at the top, with an overshoot, narrow
            Parse("52,6 28,20 18,50 28,82 50,94 74,80 82,48 72,18 50,6"),
            Parse("60,10 36,12 20,40 24,78 48,94 74,78 82,44 70,16 52,8"),
            Parse("46,12 24,26 18,56 32,88 56,92 78,66 78,32 58,8 38,12 30,22"),
            Parse("50,5 34,22 28,52 36,84 52,95 66,80 71,48 64,18 49,6"),
            Parse("66,16 46,8 26,24 20,54 30,84 52,94 72,82 80,52 74,26 62,10 52,12"),
        ],
        [   // 1: bar, slanted bar, with upstroke, with upstroke and base
            Parse("50,5 50,35 50,65 50,95"),
            Parse("60,5 54,36 46,66 40,95"),
            Parse("34,26 46,16 55,5! 54,50 53,95"),
            Parse("30,28 44,18 54,5! 53,50 52,94 / 30,94 52,94 76,93"),
            Parse("42,10 50,6! 50,40 48,70 52,95"),
        ],
        [   // 2: round with flat base, with a loop at the base, angular, with a wavy base
            Parse("22,26 34,9 56,6 74,20 70,42 48,68 22,92! 52,91 82,92"),
            Parse("24,22 44,6 68,14 72,36 52,66 26,88 20,78 36,74 58,90 84,86"),
            Parse("20,16 46,7 72,12 70,36 44,66 20,93! 54,91 80,90"),
            Parse("26,30 30,12 54,5 74,22 66,48 40,76 18,90! 40,82 62,92 84,84"),
            Parse("20,20 40,8 64,10 74,28 62,52 38,76 20,90! 50,88 78,94"),
        ],
        [   // 3: two bows, pointed in the middle, flat top, with a small loop
            Parse("24,16 46,5 70,15 68,36 44,47! 72,56 78,78 54,95 22,86"),
            Parse("22,12 50,6 74,20 62,42 40,48! 66,50 82,70 64,92 32,94 18,84"),
            Parse("22,8 48,8 74,8! 58,26 44,42! 68,46 80,68 64,90 38,95 20,86"),
            Parse("26,20 44,6 68,12 66,34 50,46 42,50 50,50 72,58 76,80 52,95 24,88"),
            Parse("28,10 56,6 70,22 56,42 38,46! 62,52 74,72 58,92 30,94"),
        ],
        [   // 4: open, closed, one stroke, with a long bar, rounded
            Parse("34,6 28,30 20,58! 50,58 82,56 / 64,30 62,62 60,95"),
            Parse("60,6 38,34 16,62! 50,63 84,62 / 62,6 61,50 60,95"),
            Parse("66,8 40,36 16,64! 48,66 86,62 / 66,38 63,66 62,95"),
            Parse("26,8 24,34 32,52 54,54 74,46! / 76,8 72,50 68,95"),
            Parse("24,10 20,36 24,56! 46,60 72,52 / 74,12 70,48! 68,70 66,94"),
            Parse("62,95 62,50 62,6! 38,34 16,62! 50,62 84,60"),
        ],
        [   // 5: two strokes, one stroke, round, with slanted roof
            Parse("30,8 27,28 24,46! 46,38 72,48 78,72 56,94 22,88 / 30,8 54,8 78,8"),
            Parse("76,8 52,9 30,10! 27,30 26,46! 52,38 76,54 74,80 46,95 20,86"),
            Parse("72,6 50,10 34,10! 28,28 28,42! 50,40 70,52 72,76 50,94 24,92"),
            Parse("34,12 30,30 28,44! 52,42 74,56 72,82 44,95 20,84 / 34,12 58,10 82,4"),
            Parse("78,10 54,8 36,12 28,28 34,42 56,46 74,60 70,84 46,94 22,86"),
        ],
        [   // 6: curved stem, straight stem, big loop, leaning
            Parse("66,6 42,22 26,50 24,76 42,94 66,88 74,68 60,53 40,58 27,74"),
            Parse("54,5 36,34 24,66 34,92 58,93 72,74 62,58 42,60 27,72"),
            Parse("72,12 50,8 30,34 20,64 32,90 60,94 80,74 66,54 42,56 24,72"),
            Parse("40,5 30,34 26,66 36,92 58,92 70,74 58,60 40,64 28,76"),
            Parse("62,8 40,30 28,58 30,84 50,94 70,82 68,62 48,56 32,66 36,80"),
        ],
        [   // 7: plain, with a bar, curved, with a serif
            Parse("18,10 48,9 82,9! 62,46 44,94"),
            Parse("20,12 50,9 80,10! 58,48 42,94 / 34,50 54,48 74,48"),
            Parse("18,14 42,8 72,10 76,22 56,52 46,94"),
            Parse("20,24 21,10! 52,11 80,8! 60,44 48,70 44,95"),
            Parse("22,8 50,10 78,8! 70,40 62,68 58,95"),
            Parse("20,22 22,9! 50,12 80,8! 58,50 46,94 / 36,54 54,51 72,50"),
        ],
        [   // 8: one stroke from the top right, two rings, open at the top, slanted
            Parse("68,18 48,6 30,20 40,40 64,58 72,78 52,95 28,84 34,62 58,44 70,26 66,14"),
            Parse("50,6 30,16 32,38 50,47 70,36 70,15 50,6 / 50,47 26,60 26,84 50,95 76,84 74,60 50,47"),
            Parse("74,12 46,8 30,22 42,42 62,56 70,78 48,94 26,80 40,58 62,40 76,14"),
            Parse("60,6 36,14 36,34 58,50 68,72 54,93 30,92 26,72 46,52 68,32 72,12 58,6"),
            Parse("48,48 30,32 40,8 64,10 70,30 50,48 28,68 34,92 62,94 74,74 52,48"),
        ],
        [   // 9: curved tail, straight tail, round tail, with a gap between ring and tail
            Parse("70,24 52,7 30,20 30,42 52,50 70,34 72,18! 68,56 60,95"),
            Parse("70,14 44,8 26,30 40,50 64,42 71,14! 70,54 70,95"),
            Parse("72,28 56,6 30,16 28,42 50,52 70,36 73,26 70,60 56,88 28,92"),
            Parse("66,12 42,8 28,28 38,48 62,40 70,18 68,50 54,78 36,95"),
            Parse("62,10 38,14 28,34 44,50 66,38 70,12! 66,52 60,94"),
        ],
    ];

    /// <summary>The number of styles of a digit.</summary>
    public static int Count(int digit) => Styles[digit].Length;

    /// <summary>The strokes of one style.</summary>
    public static ReadOnlySpan<DigitStroke> Strokes(int digit, int style) => Styles[digit][style];

    private static DigitStroke[] Parse(string text)
    {
        var strokes = text.Split('/');
        var result = new DigitStroke[strokes.Length];
        for (var i = 0; i < strokes.Length; i++)
        {
            var points = strokes[i].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var stroke = new DigitStroke(new float[points.Length], new float[points.Length], new bool[points.Length]);
            for (var j = 0; j < points.Length; j++)
            {
                var comma = points[j].IndexOf(',');
                stroke.Corner[j] = points[j].EndsWith('!');
                stroke.X[j] = int.Parse(points[j].AsSpan(0, comma)) / 100f;
                stroke.Y[j] = int.Parse(points[j].AsSpan(comma + 1).TrimEnd('!')) / 100f;
            }
            result[i] = stroke;
        }
        return result;
    }
}
