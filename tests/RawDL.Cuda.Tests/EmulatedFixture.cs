namespace RawDL.Cuda.Tests;

/// <summary>Tests on one emulated device, which must give all its memory back.</summary>
internal abstract class EmulatedFixture
{
    private protected CudaDevice Cuda { get; private set; } = null!;

    private protected Device Device => Cuda;

    [OneTimeSetUp]
    public void OpenDevice()
    {
        try
        {
            Cuda = CudaDevices.OpenEmulated();
        }
        catch (CudaException e) when (e.Message.StartsWith("expected g++", StringComparison.Ordinal))
        {
            Required.Missing("emulator", e.Message);
        }
    }

    [OneTimeTearDown]
    public void DisposeDevice()
    {
        if (Cuda is null) return;
        Order(ThreadOrder.Forward);
        Cuda.Dispose();
        Assert.That(Cuda.LiveBytes, Is.Zero);
    }

    private protected void Order(ThreadOrder order, ulong seed = 0) => ((EmulatedDriver)Cuda.Driver).Order(order, seed);

    private protected static int[] Bits(float[] values) => Array.ConvertAll(values, BitConverter.SingleToInt32Bits);

    // A tensor of its own buffer, which the caller disposes.
    private protected static Tensor Tensor(Device device, ReadOnlySpan<float> values)
    {
        var tensor = new Tensor(device.Allocate(values.Length), 0, new Shape(values.Length));
        tensor.CopyFrom(values);
        return tensor;
    }

    private protected static Tensor Tensor(Device device, ReadOnlySpan<int> values)
    {
        var tensor = new Tensor(device.Allocate(values.Length), 0, new Shape(values.Length));
        device.Upload(values, tensor.Buffer, 0);
        return tensor;
    }
}
