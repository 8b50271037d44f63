using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>Scores the rows of a partition with a model that comes as a broadcast.</summary>
public sealed class ScoreTask : ISparkTask
{
    /// <summary>By which drivers ask for it.</summary>
    public const string Name = "score";

    internal const string CountsDdl = "split INT, left_out BIGINT, counts BINARY";

    // Between two of them the task looks whether it is still wanted. A multiple of what the model takes at a time.
    private const int Portion = 2000;
    private readonly ModelPool _pool = new();

    /// <inheritdoc/>
    public void Run(TaskContext context, TaskInput input, TaskOutput output)
    {
        var command = ScoreCommand.Decode(context.Payload);
        var model = _pool.Rent(command.Hash, Math.Max(1, context.Cpus), () => context.Broadcast(command.Model));
        try
        {
            if (command.Kind == ScoreKind.Predict) Predict(command, model, context, input, output);
            else Evaluate(command, model.Model, context, input, output);
        }
        finally
        {
            _pool.Return(model);
        }
    }

    private static void Predict(ScoreCommand command, ScoringModel scoring, TaskContext context, TaskInput input, TaskOutput output)
    {
        var model = scoring.Model;
        var before = 0L;
        while (input.ReadBatch() is { } batch)
        {
            var layout = Layout(command, batch);
            var samples = new SampleColumns([.. command.Features.Select(column => ArrowColumns.Read(batch.Column(column)))], layout);
            var predictions = new PredictionColumns(model, batch.Length);
            Predict(command, scoring, samples, predictions, batch.Length, before, context.Cancellation);
            List<Field> fields = [.. command.Kept.Select(column => batch.Schema.GetFieldByIndex(column)), .. PredictionColumns.Fields(model)];
            output.WriteBatch(new RecordBatch(new Schema(fields, null), [.. command.Kept.Select(batch.Column), .. predictions.Create()], batch.Length));
            before += batch.Length;
        }
    }

    private static void Predict(ScoreCommand command, ScoringModel scoring, SampleColumns samples, PredictionColumns predictions, int count, long before, CancellationToken cancel)
    {
        var model = scoring.Model;
        var size = model.SampleShape.Count;
        var values = new float[Math.Min(Portion, count) * size];
        var rows = new List<int>(Portion);
        for (var row = 0; row < count; row++)
        {
            if (samples.Fault(row, before + row + 1, size) is { } fault)
            {
                if (command.BadRows == BadRows.Fail) throw new RawFileException(command.Source, null, fault);
                predictions.SetMissing(row);
            }
            else
            {
                samples.Read(row, values.AsSpan(rows.Count * size, size));
                rows.Add(row);
            }
            if (rows.Count < Portion && row < count - 1) continue;
            cancel.ThrowIfCancellationRequested();
            var results = scoring.Predictor.Predict(values.AsSpan(0, rows.Count * size));
            var width = model.PredictionWidth;
            for (var i = 0; i < rows.Count; i++) predictions.Set(rows[i], results.AsSpan(i * width, width));
            rows.Clear();
        }
    }

    private static void Evaluate(ScoreCommand command, Model model, TaskContext context, TaskInput input, TaskOutput output)
    {
        var tally = new EvaluationTally(model.ClassNames);
        var options = new DataOptions { Sample = model.SampleShape, ClassNames = model.ClassNames };
        var (before, leftOut) = (0L, 0L);
        while (input.ReadBatch() is { } batch)
        {
            var builder = new TableBuilder(Layout(command, batch), options, command.BadRows);
            builder.Add(command.Source, before, [ArrowColumns.Read(batch.Column(command.Label)), .. command.Features.Select(column => ArrowColumns.Read(batch.Column(column)))]);
            if (!builder.IsEmpty) model.Count(builder.Whole(command.Source), new SoloCommunicator(), tally, context.Cancellation);
            before += batch.Length;
            leftOut += builder.LeftOut;
        }
        Schema schema = new([new("split", Int32Type.Default, false), new("left_out", Int64Type.Default, false), new("counts", BinaryType.Default, false)], null);
        output.WriteBatch(new RecordBatch(schema,
            [new Int32Array.Builder().Append(context.Split).Build(), new Int64Array.Builder().Append(leftOut).Build(), new BinaryArray.Builder().Append(MemoryMarshal.AsBytes(tally.Counts)).Build()], 1));
    }

    private static TableLayout Layout(ScoreCommand command, RecordBatch batch)
    {
        var columns = ArrowColumns.Of(batch.Schema);
        return new TableLayout(command.Label < 0 ? null : columns[command.Label], [.. command.Features.Select(column => columns[column])]);
    }
}
