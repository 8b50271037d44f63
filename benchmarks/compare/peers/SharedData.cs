using System.Runtime.InteropServices;
using RawDL.Benchmarks;

namespace RawDL.Peers;

/// <summary>What all sides start from, so that they can be seen to compute the same: a file of float32, the parameters of LeNet in the order of
/// <see cref="LeNetWidths.Shapes"/>, images [64, 1, 28, 28], logits [64, 10]. The label of image i is i mod 10.</summary>
internal sealed record SharedData(float[] Parameters, float[] Images, float[] Logits)
{
    public const int Batch = 64;

    /// <summary>Parameter <paramref name="index"/> alone.</summary>
    public float[] Parameter(int index)
    {
        var shapes = LeNetWidths.Standard.Shapes;
        return Parameters.AsSpan(shapes[..index].Sum(shape => shape.Count), shapes[index].Count).ToArray();
    }

    public void Write(string path)
    {
        using var file = File.Create(path);
        foreach (var part in (float[][])[Parameters, Images, Logits]) file.Write(MemoryMarshal.AsBytes<float>(part));
    }

    public static SharedData Read(string path)
    {
        var values = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(path));
        var count = LeNetWidths.Standard.Shapes.Sum(shape => shape.Count);
        return new SharedData(values[..count].ToArray(), values.Slice(count, Batch * 784).ToArray(), values[^(Batch * 10)..].ToArray());
    }
}
