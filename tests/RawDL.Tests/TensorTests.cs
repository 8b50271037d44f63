namespace RawDL.Tests;

public sealed class TensorTests
{
    private CpuDevice _device = null!;
    private DeviceBuffer _buffer = null!;

    [SetUp]
    public void CreateBuffer() => _buffer = (_device = new CpuDevice(1)).Allocate(6);

    [TearDown]
    public void DisposeBuffer()
    {
        _buffer.Dispose();
        _buffer.Dispose();
        _device.Dispose();
        Assert.That(_device.LiveBytes, Is.Zero);
    }

    [Test]
    public void A_view_shares_the_memory()
    {
        new Tensor(_buffer, 0, new Shape(6)).CopyFrom([1f, 2f, 3f, 4f, 5f, 6f]);
        var view = new Tensor(_buffer, 2, new Shape(2, 2));
        Assert.That(view.ToArray(), Is.EqualTo(new[] { 3f, 4f, 5f, 6f }));
        view.CopyFrom([0f, 0f, 0f, 9f]);
        Assert.That(new Tensor(_buffer, 5, new Shape()).Item(), Is.EqualTo(9f));
    }

    [Test]
    public void Buffers_are_counted()
    {
        Assert.That((_device.LiveBytes, _device.Allocations), Is.EqualTo((24L, 1L)));
        using var more = _device.Allocate(10);
        Assert.That((_device.LiveBytes, _device.Allocations), Is.EqualTo((64L, 2L)));
    }

    [Test]
    public void Misfits_are_refused()
    {
        var tensor = new Tensor(_buffer, 0, new Shape(2, 3));
        Assert.Multiple(() =>
        {
            Refused(() => _ = new Tensor(_buffer, 3, new Shape(4)), "Tensor: expected [4] at offset 3 to lie inside 6 elements.");
            Refused(() => _ = new Tensor(_buffer, -1, new Shape(4)), "Tensor: expected [4] at offset -1 to lie inside 6 elements.");
            Refused(() => tensor.CopyTo(new float[5]), "Tensor.CopyTo: expected 6 elements for [2, 3], got 5.");
            Refused(() => tensor.CopyFrom(new float[7]), "Tensor.CopyFrom: expected 6 elements for [2, 3], got 7.");
            Refused(() => tensor.Item(), "Tensor.Item: expected one element, got [2, 3].");
        });

        static void Refused(Action code, string message) => Assert.That(code, Throws.TypeOf<ShapeException>().With.Message.EqualTo(message));
    }
}
