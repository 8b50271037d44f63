using System.Diagnostics;
using RawDL.Benchmarks;
using RawDL.Cli;

namespace RawDL.Peers;

/// <summary>A side's half of the conversation: first a line <c>ready TAB version</c> or <c>none TAB reason</c>, then one line for each request, a number, or
/// <c>none</c> for what the side does not do. Requests, all words whole numbers but for SECONDS, answered in units per second:
/// <c>sgemm ROWS COLUMNS INNER THREADS SECONDS</c>, <c>training BATCH THREADS SECONDS</c>, <c>wide BATCH THREADS SECONDS</c> (the wide net),
/// <c>inference BATCH THREADS SECONDS</c>, <c>layer NUMBER BATCH THREADS SECONDS</c>; <c>forget</c> frees what they set up. Facts:
/// <c>fma THREADS</c> (the ceiling, operations per second), <c>difference FILE</c> (of the logits to RawDL's, the largest), <c>loss STEPS</c>,
/// <c>bytes BATCH</c>.</summary>
internal sealed class Answers(Side side)
{
    private const double FirstWarmUp = 0.7, WarmUp = 0.05;
    // About half a millisecond each, and the best of them: what else runs on the machine lowers the others.
    private const int CeilingTurns = 250_000, FewestCeilings = 5;
    private const double CeilingTime = 0.15;

    private readonly Dictionary<string, Work?> _works = [];

    public static int Serve(Func<Side> open)
    {
        Side side;
        try
        {
            side = open();
        }
        catch (Exception e) when (e is NotSupportedException or DllNotFoundException or TypeInitializationException)
        {
            Console.WriteLine($"none\t{e.Message.ReplaceLineEndings(" ")}");
            return 0;
        }
        using (side)
        {
            Console.WriteLine($"ready\t{side.Version}");
            var answers = new Answers(side);
            while (Console.ReadLine() is { } line)
            {
                var words = line.Split(' ');
                var value = words[0] is "fma" or "difference" or "loss" or "bytes" or "forget" ? answers.Fact(words) : answers.Rate(words);
                Console.WriteLine(value is { } number ? number.ToString("R") : "none");
            }
            answers.Forget();
        }
        return 0;
    }

    private double? Rate(string[] words)
    {
        var key = string.Join(' ', words[..^1]);
        var known = _works.TryGetValue(key, out var work);
        if (!known) _works[key] = work = Open(words[0], [.. words[1..^1].Select(int.Parse)]);
        work?.WarmUp(known ? WarmUp : FirstWarmUp);
        return work?.Rate(double.Parse(words[^1]));
    }

    private Work? Open(string request, int[] numbers) => (request, numbers) switch
    {
        ("sgemm", [var rows, var columns, var inner, var threads]) => side.MatMul(rows, columns, inner, threads),
        ("training", [var batch, var threads]) => side.Training(batch, threads, LeNetWidths.Standard),
        ("wide", [var batch, var threads]) => side.Training(batch, threads, LeNetWidths.Wide),
        ("inference", [var batch, var threads]) => side.Inference(batch, threads),
        ("layer", [var number, var batch, var threads]) => side.Layer(number, batch, threads),
        _ => throw new ArgumentException($"No such request: {request} with {numbers.Length} numbers."),
    };

    private double? Fact(string[] words) => words switch
    {
        ["fma", var threads, ..] => Ceiling(int.Parse(threads)),
        ["difference", var file] => side.Logits() is { } logits ? Difference(logits, SharedData.Read(file).Logits) : null,
        ["loss", var steps] => side.Loss(int.Parse(steps)),
        ["bytes", var batch] => side.StepBytes(int.Parse(batch)),
        ["forget"] => Forget(),
        _ => throw new ArgumentException($"No such request: {words[0]}."),
    };

    private static double Ceiling(int threads)
    {
        var (best, runs) = (0.0, 0);
        for (var watch = Stopwatch.StartNew(); runs < FewestCeilings || watch.Elapsed.TotalSeconds < CeilingTime; runs++)
            best = Math.Max(best, FmaCeiling.Measure(threads, CeilingTurns));
        return best;
    }

    private double? Forget()
    {
        foreach (var work in _works.Values) work?.Dispose();
        _works.Clear();
        return null;
    }

    private static double Difference(float[] a, float[] b)
    {
        double largest = 0;
        for (var i = 0; i < b.Length; i++) largest = Math.Max(largest, Math.Abs((double)a[i] - b[i]));
        return largest;
    }
}
