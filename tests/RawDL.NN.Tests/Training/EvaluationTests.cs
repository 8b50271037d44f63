using System.Text;
using System.Text.Json;

namespace RawDL.NN.Tests;

public sealed class EvaluationTests
{
    private static Evaluation Make(string[] names, params (int Label, float[] Scores)[] predictions)
    {
        var tally = new EvaluationTally(names);
        foreach (var (label, scores) in predictions)
        {
            tally.AddLoss(0.5, 1);
            tally.AddPrediction(label, scores);
        }
        return tally.Complete(new SoloCommunicator());
    }

    // Confusion by hand: a→a twice, a→b once, b→b once, c→a once; nothing is predicted as c, class d is absent.
    private static Evaluation Example() => Make(["a", "b", "c", "d"],
        (0, [9, 1, 0, 0]), (0, [9, 0, 1, 0]), (0, [2, 3, 1, 0]), (1, [0, 5, 1, 0]), (2, [4, 1, 3, 2]));

    [Test]
    public void Scores_agree_with_those_computed_by_hand()
    {
        var evaluation = Example();
        Assert.Multiple(() =>
        {
            Assert.That(evaluation.Count, Is.EqualTo(5));
            Assert.That(evaluation.Loss, Is.EqualTo(0.5));
            Assert.That(evaluation.Confusion(0, 0), Is.EqualTo(2));
            Assert.That(evaluation.Confusion(0, 1), Is.EqualTo(1));
            Assert.That(evaluation.Confusion(2, 0), Is.EqualTo(1));
            Assert.That(evaluation.Accuracy, Is.EqualTo(3 / 5.0));
            Assert.That(evaluation.PerClass[0], Is.EqualTo(new ClassScores("a", 3, 3, 2 / 3.0, 2 / 3.0, 2 / 3.0)));
            Assert.That(evaluation.PerClass[1], Is.EqualTo(new ClassScores("b", 1, 2, 1 / 2.0, 1, 2 / 3.0)));
            Assert.That(evaluation.PerClass[2], Is.EqualTo(new ClassScores("c", 1, 0, 0, 0, 0)));
            Assert.That(evaluation.PerClass[3].Precision, Is.NaN);
            Assert.That(evaluation.Precision, Is.EqualTo((2 / 3.0 + 1 / 2.0) / 3).Within(1e-15));
            Assert.That(evaluation.Recall, Is.EqualTo((2 / 3.0 + 1) / 3).Within(1e-15));
            Assert.That(evaluation.F1, Is.EqualTo((2 / 3.0 + 2 / 3.0) / 3).Within(1e-15));
            Assert.That(evaluation.Top, Is.EqualTo(new TopK[] { new(1, 0.6), new(2, 1), new(3, 1) }));
        });
    }

    [Test]
    public void Text_is_in_the_manner_of_the_ancestor() => Assert.That(Example().ToText(), Is.EqualTo(
        "Examples labeled as a classified by model as a: 2 times\n" +
        "Examples labeled as a classified by model as b: 1 times\n" +
        "Examples labeled as b classified by model as b: 1 times\n" +
        "Examples labeled as c classified by model as a: 1 times\n" +
        "\n" +
        "==========================Scores========================================\n" +
        " Accuracy:        0.6000\n" +
        " Precision:       0.3889\n" +
        " Recall:          0.5556\n" +
        " F1 Score:        0.4444\n" +
        " Top-2 Accuracy:  1.0000\n" +
        " Top-3 Accuracy:  1.0000\n" +
        " Loss:            0.5\n" +
        " Examples:        5\n" +
        "========================================================================\n"));

    [Test]
    public void Json_holds_the_numbers_and_null_for_what_is_undefined()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream)) Example().WriteJson(writer);
        using var json = JsonDocument.Parse(stream.ToArray());
        var root = json.RootElement;
        Assert.Multiple(() =>
        {
            Assert.That(root.GetProperty("accuracy").GetDouble(), Is.EqualTo(0.6));
            Assert.That(root.GetProperty("top_k").GetProperty("2").GetDouble(), Is.EqualTo(1));
            Assert.That(root.GetProperty("classes")[3].GetProperty("precision").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(root.GetProperty("confusion")[2][0].GetInt64(), Is.EqualTo(1));
            Assert.That(Encoding.UTF8.GetString(stream.ToArray()), Does.Not.Contain("NaN"));
        });
    }

    [Test]
    public void Without_samples_scores_are_undefined_and_nothing_throws()
    {
        var evaluation = Make(["a", "b"]);
        Assert.Multiple(() =>
        {
            Assert.That(evaluation.Accuracy, Is.NaN);
            Assert.That(evaluation.F1, Is.NaN);
            Assert.That(evaluation.Loss, Is.NaN);
            Assert.That(evaluation.ToText(), Does.Contain("NaN"));
        });
    }

    [Test]
    public void Regression_has_a_loss_and_no_classes()
    {
        var tally = new EvaluationTally([]);
        tally.AddLoss(2, 3);
        tally.AddLoss(6, 1);
        var evaluation = tally.Complete(new SoloCommunicator());
        Assert.That((evaluation.Loss, evaluation.Count, evaluation.Classes), Is.EqualTo((3.0, 4L, 0)));
    }

    [Test]
    public void A_label_whose_score_is_not_a_number_is_last()
    {
        var evaluation = Make(["a", "b", "c"], (0, [float.NaN, 1, 2]));
        Assert.Multiple(() =>
        {
            Assert.That(evaluation.Confusion(0, 2), Is.EqualTo(1));
            Assert.That(evaluation.Top[1].Accuracy, Is.Zero);
            Assert.That(evaluation.Top[2].Accuracy, Is.EqualTo(1));
        });
    }

    [Test]
    public void Ties_go_to_the_first_class() => Assert.That(Make(["a", "b"], (1, [3, 3])).Confusion(1, 0), Is.EqualTo(1));
}
