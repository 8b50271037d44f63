namespace RawDL;

/// <summary>A place that holds buffers and computes. Kernels are named by their methods; operations check, kernels trust.</summary>
/// <remarks>Conventions: forward kernels overwrite, backward kernels add. Arguments: geometry, inputs, output gradient, destination. One thread at a
/// time uses a device.</remarks>
public abstract class Device : IDisposable
{
    /// <summary>As the user names it: <c>cpu</c>, <c>cuda:0</c>.</summary>
    public abstract string Name { get; }

    /// <summary>One line for people: the model, its cores and vector width.</summary>
    public abstract string Description { get; }

    /// <summary>Name and description: <c>cpu (X64, 2 threads, AVX2 + FMA)</c>.</summary>
    public sealed override string ToString() => $"{Name} ({Description})";

    /// <summary>Bytes in buffers that are not disposed.</summary>
    public long LiveBytes { get; private set; }

    /// <summary>Number of buffers ever allocated: does not grow from the second step of a shape on.</summary>
    public long Allocations { get; private set; }

    /// <summary>Memory for <paramref name="length"/> 4-byte elements, uninitialised. The caller disposes it.</summary>
    public DeviceBuffer Allocate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        var buffer = CreateBuffer(length);
        LiveBytes += 4L * length;
        Allocations++;
        return buffer;
    }

    /// <summary>Called once by each buffer when it is disposed.</summary>
    protected internal void Released(int length) => LiveBytes -= 4L * length;

    /// <summary>Copies host floats into a buffer.</summary>
    public abstract void Upload(ReadOnlySpan<float> source, DeviceBuffer target, int offset);

    /// <summary>Copies host integers into a buffer.</summary>
    public abstract void Upload(ReadOnlySpan<int> source, DeviceBuffer target, int offset);

    /// <summary>Copies floats to the host; waits for the kernels that write them.</summary>
    public abstract void Download(DeviceBuffer source, int offset, Span<float> target);

    /// <summary>Copies integers to the host; waits for the kernels that write them.</summary>
    public abstract void Download(DeviceBuffer source, int offset, Span<int> target);

    /// <summary>Where the host itself can read and write a tensor's elements once the kernels have ended; null where they must be copied.</summary>
    public virtual unsafe float* HostAddress(Tensor tensor) => null;

    /// <summary>The way of a tensor's elements to other ranks and back. The caller disposes it.</summary>
    /// <param name="tensor">Lives as long as the result.</param>
    /// <param name="readsDevice">Whether the communicator reads and writes the device's memory itself.</param>
    public virtual unsafe Staging CreateStaging(Tensor tensor, bool readsDevice) => new DirectStaging(this, HostAddress(tensor));

    /// <summary>Samples of a step that are differentiated at once. A step's gradient is a sum over such parts in order, which makes its bits those of any
    /// number of ranks; devices for which small parts are slow take the whole batch, and their bits are those of one number of ranks.</summary>
    public virtual int GradientPart => 32;

    /// <summary>A step that repeats itself on the device; null where steps are the host's work.</summary>
    /// <param name="data">Called only by a device that repeats steps, as it may copy the data set. Null where the samples are not bytes.</param>
    public virtual ResidentStep? CreateResidentStep(Func<ResidentData?> data) => null;

    /// <summary>Returns when every kernel so far has ended.</summary>
    public abstract void Synchronize();

    /// <summary>Gives the device's own resources back; buffers are the business of their owners.</summary>
    public abstract void Dispose();

    /// <summary>Allocates; <see cref="Allocate"/> counts.</summary>
    protected abstract DeviceBuffer CreateBuffer(int length);

    // Memory
    /// <summary>Every element = value.</summary>
    protected internal abstract void Fill(Tensor target, float value);
    /// <summary>A box of source copied or added into target.</summary>
    protected internal abstract void Region(in RegionGeometry geometry, Tensor source, Tensor target, Store store);

    // Element-wise
    /// <summary>y = f(x).</summary>
    protected internal abstract void UnaryForward<TOp>(TOp op, Tensor x, Tensor y) where TOp : unmanaged, IUnaryOp;
    /// <summary>dx += dy · f′(x).</summary>
    protected internal abstract void UnaryBackward<TOp>(TOp op, Tensor x, Tensor y, Tensor dy, Tensor dx) where TOp : unmanaged, IUnaryOp;
    /// <summary>y = f(a, b), b broadcast.</summary>
    protected internal abstract void BinaryForward<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor y) where TOp : unmanaged, IBinaryOp;
    /// <summary>da += dy · ∂f/∂a.</summary>
    protected internal abstract void BinaryBackwardLeft<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor dy, Tensor da) where TOp : unmanaged, IBinaryOp;
    /// <summary>db += Σ dy · ∂f/∂b over the broadcast extents.</summary>
    protected internal abstract void BinaryBackwardRight<TOp>(in BroadcastGeometry geometry, Tensor a, Tensor b, Tensor dy, Tensor db) where TOp : unmanaged, IBinaryOp;

    // Reductions
    /// <summary>y[o, i] = scale · Σ_r x[o, r, i].</summary>
    protected internal abstract void Sum(in ReduceGeometry geometry, Tensor x, Tensor y, float scale, Store store);
    /// <summary>dx[o, r, i] += scale · dy[o, i].</summary>
    protected internal abstract void SumBackward(in ReduceGeometry geometry, Tensor dy, Tensor dx, float scale);
    /// <summary>Σ x², accumulated in double; and whether every element is finite (NaN or ±∞ make the sum non-finite). Waits.</summary>
    protected internal abstract double SumOfSquares(Tensor x);

    // Products
    /// <summary>C = A·B, or C += A·B, with transposes.</summary>
    protected internal abstract void MatMul(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor c, Store store);
    /// <summary>C = A·B (+ bias), the bias [Columns] added to every row, or max(C, 0) of it where <paramref name="relu"/>; with transposes. A device that does so while it stores overrides this.</summary>
    protected internal virtual void MatMulBias(in MatMulGeometry geometry, Tensor a, Tensor b, Tensor? bias, Tensor c, bool relu)
    {
        MatMul(geometry, a, b, c, Store.Overwrite);
        if (bias is not null) BinaryForward<AddOp>(new BroadcastGeometry(geometry.Rows, geometry.Columns, 1), c, bias, c);
        if (relu) UnaryForward(new ReluOp(), c, c);
    }
    /// <summary>B in the order in which <see cref="MatMulPacked"/> reads it, for any number of rows; null where the device reads operands as they lie. The caller disposes it.</summary>
    protected internal virtual DeviceBuffer? PackRight(in MatMulGeometry geometry, Tensor b) => null;
    /// <summary>As <see cref="MatMulBias"/>, bit for bit, of a B from <see cref="PackRight"/>. Called only where that gives one.</summary>
    protected internal virtual void MatMulPacked(in MatMulGeometry geometry, Tensor a, DeviceBuffer b, Tensor? bias, Tensor c, bool relu) => throw new NotSupportedException();
    /// <summary>y = x ⋆ weight (+ bias).</summary>
    protected internal abstract void Conv2dForward(in Conv2dGeometry geometry, Tensor x, Tensor weight, Tensor? bias, Tensor y);
    /// <summary>dx += gradient by the input.</summary>
    protected internal abstract void Conv2dBackwardInput(in Conv2dGeometry geometry, Tensor weight, Tensor dy, Tensor dx);
    /// <summary>dweight += gradient by the weight.</summary>
    protected internal abstract void Conv2dBackwardWeight(in Conv2dGeometry geometry, Tensor x, Tensor dy, Tensor dweight);
    /// <summary>Whether the device has the kernels Conv2dReluMaxPool2d… for a convolution, ReLU and this maximum over its result. Where not, they are never called.</summary>
    public virtual bool FusesConv2dReluMaxPool2d(in Conv2dGeometry convolution, in Pool2dGeometry pool) => false;
    /// <summary>y = maxpool(relu(x ⋆ weight (+ bias))); argmax holds a byte per element of y: the winner's place in its window, and whether ReLU is off.</summary>
    protected internal virtual void Conv2dReluMaxPool2dForward(in Conv2dPoolGeometry geometry, Tensor x, Tensor weight, Tensor? bias, Tensor y, Tensor argmax) => throw new NotSupportedException();
    /// <summary>dx = or += gradient by the input.</summary>
    protected internal virtual void Conv2dReluMaxPool2dBackwardInput(in Conv2dPoolGeometry geometry, Tensor weight, Tensor argmax, Tensor dy, Tensor dx, Store store) => throw new NotSupportedException();
    /// <summary>dweight and dbias += gradients; each null where not wanted.</summary>
    protected internal virtual void Conv2dReluMaxPool2dBackwardWeight(in Conv2dPoolGeometry geometry, Tensor x, Tensor argmax, Tensor dy, Tensor? dweight, Tensor? dbias) => throw new NotSupportedException();

    // Pooling
    /// <summary>y = maximum of each window; argmax (int32, same shape as y) = its index inside the plane, the first among equals. Padding never wins.</summary>
    protected internal abstract void MaxPool2dForward(in Pool2dGeometry geometry, Tensor x, Tensor y, Tensor argmax);
    /// <summary>dx[argmax] += dy.</summary>
    protected internal abstract void MaxPool2dBackward(in Pool2dGeometry geometry, Tensor argmax, Tensor dy, Tensor dx);
    /// <summary>y = mean of each window, padding counted as zeros.</summary>
    protected internal abstract void AveragePool2dForward(in Pool2dGeometry geometry, Tensor x, Tensor y);
    /// <summary>dx += dy spread over each window.</summary>
    protected internal abstract void AveragePool2dBackward(in Pool2dGeometry geometry, Tensor dy, Tensor dx);

    // Normalisation
    /// <summary>Per channel: mean and inverse standard deviation of the batch into statistics [2, C], running statistics moved, y = scale·(x − mean)·invstd + shift.</summary>
    protected internal abstract void BatchNormForward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor shift, Tensor runningMean, Tensor runningVariance, float momentum, Tensor statistics, Tensor y);
    /// <summary>y from the running statistics.</summary>
    protected internal abstract void BatchNormInference(in NormGeometry geometry, Tensor x, Tensor scale, Tensor shift, Tensor runningMean, Tensor runningVariance, Tensor y);
    /// <summary>dx, dscale, dshift; each null where not wanted.</summary>
    protected internal abstract void BatchNormBackward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor statistics, Tensor dy, Tensor? dx, Tensor? dscale, Tensor? dshift);
    /// <summary>Per row: statistics [2, Outer]; y = scale·(x − mean)·invstd + shift, scale and shift of one row's shape.</summary>
    protected internal abstract void LayerNormForward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor shift, Tensor statistics, Tensor y);
    /// <summary>dx, dscale, dshift; each null where not wanted.</summary>
    protected internal abstract void LayerNormBackward(in NormGeometry geometry, Tensor x, Tensor scale, Tensor statistics, Tensor dy, Tensor? dx, Tensor? dscale, Tensor? dshift);
    /// <summary>y = x · (bias + alpha/size · Σ x²)^−beta; the inner sum is kept in denominator, same shape as x.</summary>
    protected internal abstract void LocalResponseNormForward(in LocalResponseGeometry geometry, Tensor x, Tensor denominator, Tensor y);
    /// <summary>dx += gradient.</summary>
    protected internal abstract void LocalResponseNormBackward(in LocalResponseGeometry geometry, Tensor x, Tensor denominator, Tensor y, Tensor dy, Tensor dx);
    /// <summary>target = or += source · mask / (1 − rate): the forward and the backward pass.</summary>
    protected internal abstract void Dropout(in DropoutGeometry geometry, Tensor source, Tensor target, Store store);

    // Classification
    /// <summary>Softmax or log-softmax over the middle extent.</summary>
    protected internal abstract void SoftmaxForward(in ReduceGeometry geometry, SoftmaxKind kind, Tensor x, Tensor y);
    /// <summary>dx += gradient, from y alone.</summary>
    protected internal abstract void SoftmaxBackward(in ReduceGeometry geometry, SoftmaxKind kind, Tensor y, Tensor dy, Tensor dx);
    /// <summary>losses [Rows] and probabilities [Rows, Classes].</summary>
    protected internal abstract void SoftmaxCrossEntropyForward(in CrossEntropyGeometry geometry, Tensor logits, Tensor labels, Tensor probabilities, Tensor losses);
    /// <summary>dlogits += dlosses · (probabilities − smoothed one-hot).</summary>
    protected internal abstract void SoftmaxCrossEntropyBackward(in CrossEntropyGeometry geometry, Tensor labels, Tensor probabilities, Tensor dlosses, Tensor dlogits);

    // Optimizers
    /// <summary>One pass over the flat buffers, segment by segment; states are flat buffers of the same length, null beyond the rule's count.</summary>
    protected internal abstract void Update<TRule>(TRule rule, ReadOnlySpan<UpdateSegment> segments, Tensor values, Tensor gradients, Tensor? state0, Tensor? state1, Tensor? state2) where TRule : unmanaged, IUpdateRule;
}
