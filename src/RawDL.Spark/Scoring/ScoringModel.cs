using System.Security.Cryptography;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>A model on threads of its own, for one task at a time.</summary>
internal sealed class ScoringModel : IDisposable
{
    private readonly CpuDevice _device;

    private ScoringModel(string hash, CpuDevice device, Model model) =>
        (Hash, _device, Model, Predictor) = (hash, device, model, new Predictor(model));

    internal string Hash { get; }

    internal int Threads => _device.Threads;

    internal Model Model { get; }

    internal Predictor Predictor { get; }

    /// <exception cref="SparkProtocolException">The bytes are not those of the driver.</exception>
    internal static ScoringModel Open(string hash, int threads, ReadOnlyMemory<byte> bytes)
    {
        if (Convert.ToHexString(SHA256.HashData(bytes.Span)) is var actual && actual != hash) throw new SparkProtocolException($"model: expected SHA-256 {hash}, got {actual}");
        var device = new CpuDevice(threads);
        try
        {
            return new ScoringModel(hash, device, Model.Load(SafetensorsFile.Parse(bytes, "model"), device));
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Predictor.Dispose();
        Model.Dispose();
        _device.Dispose();
    }
}
