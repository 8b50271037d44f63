using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RawDL.NN;

/// <summary>The result of running a model over a data set: mean loss, confusion matrix, and the scores that follow from it.</summary>
/// <remarks>Precision, recall and F1 are means over the classes that occur or were predicted (macro). Source: Sokolova and Lapalme, A systematic
/// analysis of performance measures, Information Processing and Management 45 (2009), table 3. For regression there are no classes and the scores are NaN.</remarks>
public sealed class Evaluation
{
    private readonly long[] _confusion;

    /// <summary>Computes the scores from counts.</summary>
    /// <param name="classNames">One name per class; empty for regression.</param>
    /// <param name="confusion">[label, predicted], samples, row-major.</param>
    /// <param name="topCounts">Per entry of <see cref="EvaluationTally.TopKs"/> that fits the classes: samples whose label is among the K largest outputs.</param>
    /// <param name="lossSum">Sum of the losses of all samples.</param>
    /// <param name="count">Number of samples.</param>
    /// <exception cref="ArgumentException">The confusion matrix has another size.</exception>
    public Evaluation(IReadOnlyList<string> classNames, ReadOnlySpan<long> confusion, ReadOnlySpan<long> topCounts, double lossSum, long count)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        Classes = classNames.Count;
        if (confusion.Length != Classes * Classes)
            throw new ArgumentException($"Evaluation: expected {Classes * Classes} counts for {Classes} classes, got {confusion.Length}.", nameof(confusion));
        ClassNames = classNames;
        Count = count;
        Loss = count == 0 ? double.NaN : lossSum / count;
        _confusion = confusion.ToArray();
        PerClass = ScoreClasses();
        var top = new TopK[topCounts.Length];
        for (var i = 0; i < top.Length; i++) top[i] = new TopK(EvaluationTally.TopKs[i], count == 0 ? double.NaN : (double)topCounts[i] / count);
        Top = top;
        long right = 0;
        for (var c = 0; c < Classes; c++) right += Confusion(c, c);
        Accuracy = Classes == 0 || count == 0 ? double.NaN : (double)right / count;
        Precision = Mean(static s => s.Precision);
        Recall = Mean(static s => s.Recall);
        F1 = Mean(static s => s.F1);
    }

    /// <summary>Number of classes; 0 for regression.</summary>
    public int Classes { get; }

    /// <summary>Names of the classes.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Number of samples.</summary>
    public long Count { get; }

    /// <summary>Mean loss; NaN for no samples.</summary>
    public double Loss { get; }

    /// <summary>Share of the samples that were classified right.</summary>
    public double Accuracy { get; }

    /// <summary>Mean of the classes' precision.</summary>
    public double Precision { get; }

    /// <summary>Mean of the classes' recall.</summary>
    public double Recall { get; }

    /// <summary>Mean of the classes' F1.</summary>
    public double F1 { get; }

    /// <summary>The scores of each class.</summary>
    public IReadOnlyList<ClassScores> PerClass { get; }

    /// <summary>Top-K accuracies, K ascending.</summary>
    public IReadOnlyList<TopK> Top { get; }

    /// <summary>Samples of class <paramref name="label"/> that were classified as <paramref name="predicted"/>.</summary>
    public long Confusion(int label, int predicted)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)label, (uint)Classes);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)predicted, (uint)Classes);
        return _confusion[label * Classes + predicted];
    }

    /// <summary>One line per non-empty cell of the confusion matrix, then the block of scores.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        for (var label = 0; label < Classes; label++)
        {
            for (var predicted = 0; predicted < Classes; predicted++)
            {
                if (Confusion(label, predicted) is > 0 and var times)
                    Line(text, $"Examples labeled as {ClassNames[label]} classified by model as {ClassNames[predicted]}: {times} times");
            }
        }
        if (Classes > 0) text.Append('\n');
        text.Append("==========================Scores========================================\n");
        if (Classes > 0)
        {
            Line(text, $" Accuracy:        {Accuracy:F4}");
            Line(text, $" Precision:       {Precision:F4}");
            Line(text, $" Recall:          {Recall:F4}");
            Line(text, $" F1 Score:        {F1:F4}");
            foreach (var (k, accuracy) in Top)
                if (k > 1) Line(text, $" Top-{k} Accuracy:  {accuracy:F4}");
        }
        Line(text, $" Loss:            {Loss:G6}");
        Line(text, $" Examples:        {Count}");
        text.Append("========================================================================\n");
        return text.ToString();
    }

    /// <summary>Writes one object: count, loss, accuracy, precision, recall, f1, top_k, classes, confusion. What is undefined is null.</summary>
    public void WriteJson(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject();
        writer.WriteNumber("count", Count);
        WriteNumber(writer, "loss", Loss);
        WriteNumber(writer, "accuracy", Accuracy);
        WriteNumber(writer, "precision", Precision);
        WriteNumber(writer, "recall", Recall);
        WriteNumber(writer, "f1", F1);
        writer.WriteStartObject("top_k");
        foreach (var (k, accuracy) in Top) WriteNumber(writer, k.ToString(CultureInfo.InvariantCulture), accuracy);
        writer.WriteEndObject();
        writer.WriteStartArray("classes");
        foreach (var scores in PerClass)
        {
            writer.WriteStartObject();
            writer.WriteString("name", scores.Name);
            writer.WriteNumber("support", scores.Support);
            writer.WriteNumber("predicted", scores.Predicted);
            WriteNumber(writer, "precision", scores.Precision);
            WriteNumber(writer, "recall", scores.Recall);
            WriteNumber(writer, "f1", scores.F1);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteStartArray("confusion");
        for (var label = 0; label < Classes; label++)
        {
            writer.WriteStartArray();
            for (var predicted = 0; predicted < Classes; predicted++) writer.WriteNumberValue(Confusion(label, predicted));
            writer.WriteEndArray();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>JSON has no NaN and no infinity: they become null.</summary>
    internal static void WriteNumber(Utf8JsonWriter writer, string name, double value)
    {
        if (double.IsFinite(value)) writer.WriteNumber(name, value);
        else writer.WriteNull(name);
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private ClassScores[] ScoreClasses()
    {
        var scores = new ClassScores[Classes];
        for (var c = 0; c < Classes; c++)
        {
            long support = 0, predicted = 0;
            for (var other = 0; other < Classes; other++)
            {
                support += Confusion(c, other);
                predicted += Confusion(other, c);
            }
            var right = Confusion(c, c);
            var absent = support + predicted == 0;
            scores[c] = new ClassScores(ClassNames[c], support, predicted, Ratio(right, predicted), Ratio(right, support), Ratio(2 * right, support + predicted));

            double Ratio(long part, long whole) => absent ? double.NaN : whole == 0 ? 0 : (double)part / whole;
        }
        return scores;
    }

    private double Mean(Func<ClassScores, double> score)
    {
        var sum = 0.0;
        var present = 0;
        foreach (var scores in PerClass)
        {
            if (double.IsNaN(score(scores))) continue;
            sum += score(scores);
            present++;
        }
        return present == 0 ? double.NaN : sum / present;
    }
}
