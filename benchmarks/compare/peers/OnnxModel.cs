using System.Runtime.InteropServices;
using System.Text;
using RawDL.Benchmarks;

namespace RawDL.Peers;

/// <summary>LeNet as an ONNX file, written in the wire format of protocol buffers: a field is a tag, 8 · number + kind, and a varint (kind 0) or a length and
/// bytes (kind 2). Field numbers: onnx.proto.</summary>
internal static class OnnxModel
{
    private const int Float = 1, Ints = 7, Int = 2;
    private static readonly string[] s_names = ["w1", "b1", "w2", "b2", "w3", "b3", "w4", "b4"];

    public static byte[] LeNet(SharedData data)
    {
        List<byte> graph = [];
        Node(graph, "Conv", "c1", ["x", "w1", "b1"]);
        Node(graph, "Relu", "r1", ["c1"]);
        Node(graph, "MaxPool", "p1", ["r1"], List("kernel_shape", 2, 2), List("strides", 2, 2));
        Node(graph, "Conv", "c2", ["p1", "w2", "b2"]);
        Node(graph, "Relu", "r2", ["c2"]);
        Node(graph, "MaxPool", "p2", ["r2"], List("kernel_shape", 2, 2), List("strides", 2, 2));
        Node(graph, "Flatten", "f", ["p2"]);
        Node(graph, "Gemm", "h", ["f", "w3", "b3"], One("transB", 1));
        Node(graph, "Relu", "r3", ["h"]);
        Node(graph, "Gemm", "y", ["r3", "w4", "b4"], One("transB", 1));
        Text(graph, 2, "lenet");
        for (var i = 0; i < s_names.Length; i++) Weight(graph, s_names[i], LeNetWidths.Standard.Shapes[i], data.Parameter(i));
        Value(graph, 11, "x", 1, 28, 28);
        Value(graph, 12, "y", 10);
        List<byte> model = [], opset = [];
        Number(model, 1, 8);
        Number(opset, 2, 17);
        Bytes(model, 7, graph);
        Bytes(model, 8, opset);
        return [.. model];
    }

    private static void Node(List<byte> graph, string operation, string output, string[] inputs, params List<byte>[] attributes)
    {
        List<byte> node = [];
        foreach (var input in inputs) Text(node, 1, input);
        Text(node, 2, output);
        Text(node, 4, operation);
        foreach (var attribute in attributes) Bytes(node, 5, attribute);
        Bytes(graph, 1, node);
    }

    private static List<byte> List(string name, params int[] values)
    {
        List<byte> attribute = [];
        Text(attribute, 1, name);
        foreach (var value in values) Number(attribute, 8, value);
        Number(attribute, 20, Ints);
        return attribute;
    }

    private static List<byte> One(string name, int value)
    {
        List<byte> attribute = [];
        Text(attribute, 1, name);
        Number(attribute, 3, value);
        Number(attribute, 20, Int);
        return attribute;
    }

    private static void Weight(List<byte> graph, string name, Shape shape, float[] values)
    {
        List<byte> tensor = [];
        for (var i = 0; i < shape.Rank; i++) Number(tensor, 1, shape[i]);
        Number(tensor, 2, Float);
        Text(tensor, 8, name);
        Bytes(tensor, 9, MemoryMarshal.AsBytes<float>(values).ToArray());
        Bytes(graph, 5, tensor);
    }

    // A tensor of floats [N, dimensions ...]: type, tensor type, shape, one message per dimension, the batch with a name only.
    private static void Value(List<byte> graph, int field, string name, params int[] dimensions)
    {
        List<byte> value = [], type = [], tensor = [], shape = [], batch = [];
        Text(batch, 2, "N");
        Bytes(shape, 1, batch);
        foreach (var extent in dimensions)
        {
            List<byte> dimension = [];
            Number(dimension, 1, extent);
            Bytes(shape, 1, dimension);
        }
        Number(tensor, 1, Float);
        Bytes(tensor, 2, shape);
        Bytes(type, 1, tensor);
        Text(value, 1, name);
        Bytes(value, 2, type);
        Bytes(graph, field, value);
    }

    private static void Text(List<byte> message, int field, string text) => Bytes(message, field, Encoding.UTF8.GetBytes(text));

    private static void Bytes(List<byte> message, int field, IReadOnlyCollection<byte> bytes)
    {
        Varint(message, (uint)(8 * field + 2));
        Varint(message, (uint)bytes.Count);
        message.AddRange(bytes);
    }

    private static void Number(List<byte> message, int field, int value)
    {
        Varint(message, (uint)(8 * field));
        Varint(message, (uint)value);
    }

    private static void Varint(List<byte> message, uint value)
    {
        for (; value >= 0x80; value >>= 7) message.Add((byte)(value | 0x80));
        message.Add((byte)value);
    }
}
