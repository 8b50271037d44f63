using System.Text;

namespace RawDL.Cli.Tests;

/// <summary>job.py: words as a shell reads them, and which of them count beside those of the line.</summary>
public sealed class JobDescriptionTests
{
    [TestCase("train --data mnist\n--epochs 3", "train|--data|mnist|--epochs|3")]
    [TestCase("# a job\ntrain # the command\n  --data 'my data' --name \"a \\\"b\\\" $c\"\n", "train|--data|my data|--name|a \"b\" $c")]
    [TestCase("train\\ x a\\\nb a\\\r\nb c#d '' \"\"", "train x|ab|ab|c#d||")]
    [TestCase("x'y z'\"'\"w\r\n\t# end", "xy z'w")]
    [TestCase("  \n# nothing", null)]
    [TestCase("", null)]
    public void Words_are_a_shells(string text, string? words) => Assert.That(ShellWords.Split(text), Is.EqualTo(words?.Split('|') ?? []));

    [TestCase("plain")]
    [TestCase("")]
    [TestCase("a b")]
    [TestCase("it's $HOME \"quoted\" \\ `x`")]
    [TestCase("local-cluster[2,1,1024]")]
    [TestCase("#no comment")]
    public void A_quoted_word_is_read_back(string word) => Assert.That(ShellWords.Split($"a {ShellWords.Quote(word)} b"), Is.EqualTo(new[] { "a", word, "b" }));

    [TestCase("", "", "")]
    [TestCase("", "train --epochs 3", "train --epochs 3")]
    [TestCase("", "--verbose tarin -x", "--verbose tarin -x")]
    [TestCase("train --data mnist --epochs 3", "", "train --data mnist --epochs 3")]
    [TestCase("train --data mnist --epochs 3", "--epochs 9 -q", "train --data mnist --epochs 9 -q")]
    [TestCase("train --data mnist --epochs 3", "train --epochs=9", "train --data mnist --epochs=9")]
    [TestCase("train --data mnist --epochs=3", "-q train --epochs 9", "train --data mnist -q --epochs 9")]
    [TestCase("train --data mnist", "version", null)]
    [TestCase("train", "version --json", "version --json")]
    [TestCase("train --json", "version", "version --json")]
    [TestCase("--data mnist", "train --lr 1", "train --data mnist --lr 1")]
    [TestCase("eval runs/a --data mnist", "runs/b", "eval --data mnist runs/b")]
    [TestCase("eval runs/a --data mnist", "--data digits", "eval --data digits runs/a")]
    [TestCase("train --deterministic", "--deterministic false", "train --deterministic false")]
    [TestCase("train --epochs 3", "--top 3", "train --epochs 3 --top 3")]
    [TestCase("data", "fetch mnist", "data fetch mnist")]
    public void The_line_wins(string file, string line, string? expected)
    {
        if (expected is null) Assert.That(() => Apply(file, line), Throws.TypeOf<UsageException>().With.Message.Contains("expected options of version"));
        else Assert.That(string.Join(' ', Apply(file, line)), Is.EqualTo(expected));
    }

    [TestCase("import sys\nprint('hi')", "'import'")]
    [TestCase("#!/usr/bin/env python3\n\"\"\"A job.\"\"\"\nfrom pyspark import SparkContext", "'A job.'")]
    [TestCase("# it's a comment\nprint('it\\'s')", "single quote in line 2")]
    [TestCase("train --epohs 3", "'--epohs', which is no option of train")]
    [TestCase("--epochs 3", "'--epochs'")]
    [TestCase("train 'open", "open single quote in line 1")]
    [TestCase("train \"open\n\"", "open double quote in line 1")]
    [TestCase("train \\", "backslash at the end")]
    [TestCase("train \u0001", "control characters")]
    public void Something_else_is_refused(string file, string complaint) =>
        Assert.That(() => Apply(file, ""), Throws.TypeOf<UsageException>().With.Message.Contains(complaint).And.Message.StartsWith("job.py: expected a rawdl job description"));

    [Test]
    public void Bytes_and_sizes_are_bounded()
    {
        Assert.That(() => JobDescription.Apply("job.py", [0xff, 0xfe], []), Throws.TypeOf<UsageException>().With.Message.Contains("no UTF-8"));
        var path = TrainedRun.Fresh("job.py");
        File.WriteAllText(path, new string(' ', (1 << 16) - 7) + "version");
        Assert.That(JobDescription.Apply(path, []), Is.EqualTo(new[] { "version" }));
        File.AppendAllText(path, " ");
        Assert.That(() => JobDescription.Apply(path, []), Throws.TypeOf<UsageException>().With.Message.Contains("more than 65536 bytes"));
        Assert.That(() => JobDescription.Apply(path + ".no", ["version"]), Throws.TypeOf<UsageException>().With.Message.Contains("cannot be read"));
    }

    [Test]
    public void The_examples_are_job_descriptions()
    {
        var above = new DirectoryInfo(AppContext.BaseDirectory);
        while (above is not null && !Directory.Exists(Path.Combine(above.FullName, "examples/spark-mnist"))) above = above.Parent;
        if (above is null) Required.Missing("examples", "no folder examples above the tests");
        var folder = Path.Combine(above!.FullName, "examples/spark-mnist");
        foreach (var file in (string[])["job.py", "fast.py"]) Assert.That(JobDescription.Apply(Path.Combine(folder, file), ["--epochs", "1"])[0], Is.EqualTo("train"));
        Assert.That(NN.TrainingConfiguration.Read(Path.Combine(folder, "talk.json")).Synchronization.Period, Is.EqualTo("1"));
    }

    private static string[] Apply(string file, string line) => JobDescription.Apply("job.py", Encoding.UTF8.GetBytes(file), line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
