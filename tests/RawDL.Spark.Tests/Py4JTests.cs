using System.Text;

namespace RawDL.Spark.Tests;

/// <summary>Py4J as a real gateway answered it (recorded from 0.10.9.7).</summary>
internal sealed class Py4JTests
{
    [Test]
    public void RecordedCalls()
    {
        using var gateway = new FakeGateway(("i\nMain", "!yro0"), ("c\no0\nadd\ni2\ni40", "!yi42"), ("c\no0\naddL\nL5000000000\ni1", "!yL5000000001"), ("c\no0\nhalf\nd1E-300", "!yd5.0E-301"),
            ("c\no0\necho\nsa\\nb\\\\c\\rdé€", "!ysa\\nb\\\\c\\rdé€"), ("c\no0\necho\ns", "!ys"), ("c\no0\nrev\njAAEC/w==", "!yj/wIBAA=="), ("c\no0\nlist", "!ylo2"), ("c\no2\nget\ni0", "!yjAQI="),
            ("c\no0\narr", "!yto3"), ("a\ne\no3", "!yi3"), ("a\ng\no3\ni0", "!yi4711"), ("a\ng\no3\ni1", "!yssec\\nret"), ("a\ng\no3\ni2", "!yro4"), ("i\njava.util.HashMap", "!yao6"),
            ("c\no6\nput\nsK\nsV", "!yn"), ("i\njava.util.ArrayList", "!ylo7"), ("c\no7\nadd\njYWJj", "!ybtrue"), ("c\nz:Main\nsta\ni5", "!ysst5"), ("c\no0\nnothing\nn\nbfalse\nro6", "!yv"),
            ("c\no0\nnumber\ndnan\ndinf\nd-inf\nd-0", "!ydNaN"), ("c\no0\ninfinite", "!yd-Infinity"), ("a\nc\nsX$Y\ni1", "!yto9"), ("a\ns\no9\ni0\nro4", "!yv"));
        using (var jvm = gateway.Open())
        {
            var main = jvm.New("Main");
            Assert.That(main.Call("add", 2, 40).Int, Is.EqualTo(42));
            Assert.That(main.Call("addL", 5000000000L, 1).Long, Is.EqualTo(5000000001L));
            Assert.That(main.Call("half", 1e-300).Double, Is.EqualTo(5e-301));
            Assert.That(main.Call("echo", "a\nb\\c\rdé€").Text, Is.EqualTo("a\nb\\c\rdé€"));
            Assert.That(main.Call("echo", "").Text, Is.Empty);
            Assert.That(main.Call("rev", new byte[] { 0, 1, 2, 255 }).Bytes.ToArray(), Is.EqualTo(new byte[] { 255, 2, 1, 0 }));
            using (var list = main.CallObject("list")) Assert.That(list.Call("get", 0).Bytes.ToArray(), Is.EqualTo(new byte[] { 1, 2 }));
            using var array = main.CallObject("arr");
            var elements = array.Elements();
            Assert.That((elements.Length, elements[0].Int, elements[1].Text), Is.EqualTo((3, 4711, "sec\nret")));
            using var element = elements[2].Object;
            using var map = jvm.New("java.util.HashMap");
            Assert.That(map.Call("put", "K", "V").IsNull, Is.True);
            using (var list = jvm.New("java.util.ArrayList")) Assert.That(list.Call("add", "abc"u8.ToArray()).Boolean, Is.True);
            Assert.That(jvm.Static("Main", "sta", 5).Text, Is.EqualTo("st5"));
            main.CallVoid("nothing", JavaValue.Null, false, map);
            Assert.That(main.Call("number", double.NaN, double.PositiveInfinity, double.NegativeInfinity, -0.0).Double, Is.NaN);
            Assert.That(main.Call("infinite").Double, Is.EqualTo(double.NegativeInfinity));
            using (jvm.NewArray("X$Y", element)) { }
            Assert.That(jvm.References, Is.EqualTo(4));
            main.Dispose();
            main.Dispose();
            Assert.That(() => main.Call("echo", ""), Throws.TypeOf<ObjectDisposedException>());
            jvm.DeleteReleased();
            Assert.That(jvm.References, Is.EqualTo(3));
        }
        Assert.That(gateway.Deletions(), Is.EqualTo(new[] { "o0", "o2", "o7", "o9" }));
    }

    [Test]
    public void JavaExceptions()
    {
        using var gateway = new FakeGateway(("i\nMain", "!yro0"), ("c\no0\nboom", "!xro9"), ("p\nro9", "!ysjava.lang.RuntimeException: oops\\n\tat Main\\nCaused by: java.io.IOException: disk\\n"),
            ("c\no9\ngetClass", "!yro10"), ("c\no10\ngetName", "!ysjava.lang.RuntimeException"), ("c\no9\ngetMessage", @"!ysoops\nsecond line"), ("c\no9\ngetCause", "!yro11"),
            ("c\no11\ngetClass", "!yro12"), ("c\no12\ngetName", "!ysjava.io.IOException"), ("c\no11\ngetMessage", "!ysdisk"), ("c\no11\ngetCause", "!yn"),
            ("c\no0\nnosuch", "!xspy4j.Py4JException: Method nosuch([]) does not exist\\n\tat x"), ("i\nno.Such", "!xsjava.lang.ClassNotFoundException: no.Such\\n\tat x"), ("c\no0\nfine", "!yi1"));
        using var jvm = gateway.Open();
        using var main = jvm.New("Main");
        var thrown = Assert.Throws<JavaException>(() => main.Call("boom"));
        Assert.That(thrown.Message, Is.EqualTo("RuntimeException: oops; IOException: disk"));
        Assert.That((thrown.ClassName, thrown.IsCancellation, thrown.Failure), Is.EqualTo(("java.lang.RuntimeException", false, (TaskFailure?)null)));
        Assert.That(thrown.Stack, Does.Contain("\tat Main\nCaused by"));
        Assert.That(Assert.Throws<JavaException>(() => main.Call("nosuch")).Message, Is.EqualTo("py4j.Py4JException: Method nosuch([]) does not exist"));
        Assert.That(Assert.Throws<JavaException>(() => jvm.New("no.Such")).Message, Does.EndWith("java.lang.ClassNotFoundException: no.Such"));
        Assert.That(main.Call("fine").Int, Is.EqualTo(1));
        Assert.That(jvm.References, Is.EqualTo(1));
        Assert.That(gateway.Deletions(), Is.EqualTo(new[] { "o10", "o11", "o12", "o9" }));
    }

    [Test]
    public void TaskFailuresInsideJavaExceptions()
    {
        const string Text = "Job aborted due to stage failure: Task 1 in stage 3.0 failed 4 times, most recent failure: Lost task 1.3: org.apache.spark.api.python.PythonException: [rawdl DivergedException 1 3 node-7] loss is NaN\n   at X";
        var thrown = new JavaException([("org.apache.spark.SparkException", Text)], Text);
        Assert.That(thrown.Message, Is.EqualTo("task failed: partition 1, attempt 3 on node-7: loss is NaN"));
        Assert.That(thrown.Failure!.Type, Is.EqualTo("DivergedException"));
        Assert.That(new JavaException([("org.apache.spark.SparkException", "Job 3 cancelled part of cancelled job group g")], "").IsCancellation, Is.True);
        Assert.That(new JavaException([], "\njava.lang.Error\n\tat y").Message, Is.EqualTo("java.lang.Error"));
    }

    [Test]
    public void ReferencesFromASecondConnection()
    {
        using var gateway = new FakeGateway(("i\nMain", "!yro0"), ("c\no0\nfine", "!yi1"));
        using var first = gateway.Open();
        using var second = gateway.Open();
        using var main = first.New("Main");
        using (var other = main.On(second)) Assert.That(other.Call("fine").Int, Is.EqualTo(1));
        second.DeleteReleased();
        Assert.That(gateway.Deletions(), Is.Empty);
        Assert.That((first.References, second.References), Is.EqualTo((1, 0)));
    }

    [Test]
    public void RefusedAndClosed()
    {
        using var gateway = new FakeGateway(("i\nMain", "!yro0"), ("c\no0\nend", ""));
        Assert.That(() => Py4JConnection.Open(gateway.Address, "wrong"), Throws.TypeOf<SparkProtocolException>().With.Message.StartsWith("gateway: expected its consent to the secret, got !xsAuthentication error"));
        using var jvm = gateway.Open();
        using var main = jvm.New("Main");
        Assert.That(() => main.Call("end"), Throws.TypeOf<ConnectionLostException>().With.Message.EqualTo("gateway: expected a reply of the JVM, got its end"));
        Assert.That(() => Py4JConnection.Open(new LocalAddress(1), "x"), Throws.TypeOf<ConnectionLostException>());
        Assert.That(() => Py4JConnection.Open(new LocalAddress(70000), "x"), Throws.TypeOf<SparkProtocolException>());
    }

    [TestCase("")]
    [TestCase("!")]
    [TestCase("hello")]
    [TestCase("!yixyz")]
    [TestCase("!yi99999999999")]
    [TestCase("!yj###")]
    [TestCase("!yr")]
    [TestCase("!yQ")]
    [TestCase("!yLé")]
    public void StrangeReplies(string reply)
    {
        using var gateway = new FakeGateway(("i\nMain", reply.Length == 0 ? "\n" : reply));
        using var jvm = gateway.Open();
        Assert.That(() => jvm.New("Main"), Throws.TypeOf<SparkProtocolException>().With.Message.StartsWith("gateway: expected"));
    }

    [Test]
    public void TextsComeBackUnchanged()
    {
        var random = new Random(7);
        foreach (var _ in Enumerable.Range(0, 300))
        {
            var text = new string([.. Enumerable.Range(0, random.Next(20)).Select(i => "\\\n\rnr aé€\t"[random.Next(10)])]);
            var command = new JavaCommand().Value(text);
            var line = Encoding.UTF8.GetString(command.Bytes);
            Assert.That(line.AsSpan(0, line.Length - 1).IndexOfAny('\r', '\n'), Is.EqualTo(-1));
            using var gateway = new FakeGateway(($"c\nz:X\necho\n{line[..^1]}", $"!y{line[..^1]}"));
            using var jvm = gateway.Open();
            Assert.That(jvm.Static("X", "echo", text).Text, Is.EqualTo(text));
        }
    }
}
