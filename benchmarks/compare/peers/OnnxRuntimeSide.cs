using Microsoft.ML.OnnxRuntime;

namespace RawDL.Peers;

/// <summary>ONNX Runtime: inference, every optimisation of the graph on, inputs and outputs bound to memory that stays.</summary>
internal sealed class OnnxRuntimeSide(SharedData data) : Side
{
    private static readonly RunOptions s_options = new();
    private readonly byte[] _model = OnnxModel.LeNet(data);

    public override string Version => $"ONNX Runtime {OrtEnv.Instance().GetVersionString()}";

    public override Work Inference(int batch, int threads) => Open(batch, threads, new float[batch * 10]);

    public override float[] Logits()
    {
        var logits = new float[SharedData.Batch * 10];
        using var work = Open(SharedData.Batch, 1, logits);
        work.WarmUp(0);
        return logits;
    }

    private Work Open(int batch, int threads, float[] logits)
    {
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
        };
        var session = new InferenceSession(_model, options);
        var images = new float[batch * 784];
        for (var i = 0; i < images.Length; i++) images[i] = data.Images[i % data.Images.Length];
        var x = OrtValue.CreateTensorValueFromMemory(images, [batch, 1, 28, 28]);
        var y = OrtValue.CreateTensorValueFromMemory(logits, [batch, 10]);
        string[] inputs = ["x"], outputs = ["y"];
        OrtValue[] xs = [x], ys = [y];
        return new Work(batch, () => session.Run(s_options, inputs, xs, outputs, ys), session, x, y);
    }
}
