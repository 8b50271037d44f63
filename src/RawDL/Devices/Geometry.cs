using System.Runtime.InteropServices;

namespace RawDL;

// Resolved problems: blittable, the same bytes as their mirrors in kernels/*.cuh. The op resolves and checks them once; kernels trust them.
// N batch, C channels, H height, W width.

/// <summary>Which operand of a matrix product is read transposed.</summary>
[Flags]
public enum Transpose
{
    /// <summary>C = A·B.</summary>
    None = 0,

    /// <summary>C = Aᵀ·B.</summary>
    Left = 1,

    /// <summary>C = A·Bᵀ.</summary>
    Right = 2,

    /// <summary>C = Aᵀ·Bᵀ.</summary>
    Both = 3,
}

/// <summary>Whether a kernel overwrites its destination or adds to it.</summary>
public enum Store
{
    /// <summary>destination = result.</summary>
    Overwrite = 0,

    /// <summary>destination += result.</summary>
    Add = 1,
}

/// <summary>b of <paramref name="Channels"/> elements against a of [Outer, Channels, Inner]: same shape is (1, n, 1), a scalar b (1, 1, n), a bias (N, C, H·W).</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct BroadcastGeometry(int Outer, int Channels, int Inner)
{
    /// <summary>Elements of a.</summary>
    public int Count => Outer * Channels * Inner;
}

/// <summary>C[Rows, Columns] = A·B with <paramref name="Inner"/> products per element, after transposition.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly partial record struct MatMulGeometry(int Rows, int Columns, int Inner, Transpose Transpose);

/// <summary>x of [Outer, Reduced, Inner] reduced over its middle.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct ReduceGeometry(int Outer, int Reduced, int Inner);

/// <summary>A box of [D0, D1, D2, D3] copied between two row-major arrays, strides and offsets in elements.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct RegionGeometry(
    int D0, int D1, int D2, int D3,
    int SourceOffset, int SourceStride0, int SourceStride1, int SourceStride2, int SourceStride3,
    int TargetOffset, int TargetStride0, int TargetStride1, int TargetStride2, int TargetStride3);

/// <summary>One resolved convolution of x [N, C, H, W] with weight [O, C / Groups, U, V].</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly partial record struct Conv2dGeometry(
    int Batch, int InChannels, int InHeight, int InWidth,
    int OutChannels, int KernelHeight, int KernelWidth,
    int OutHeight, int OutWidth,
    int StrideHeight, int StrideWidth, int PaddingHeight, int PaddingWidth,
    int DilationHeight, int DilationWidth, int Groups);

/// <summary>A convolution of stride 1 without dilation and groups, then ReLU, then the maximum over windows of 2 × 2 that do not overlap. Whether it may be padded, the device says.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct Conv2dPoolGeometry(Conv2dGeometry Convolution, int PooledHeight, int PooledWidth)
{
    /// <summary>Windows of one channel in all images.</summary>
    public int Windows => Convolution.Batch * PooledHeight * PooledWidth;

    /// <summary>Weights of one channel.</summary>
    public int Taps => Convolution.KernelHeight * Convolution.KernelWidth;
}

/// <summary>One resolved pooling of planes: <paramref name="Planes"/> = N·C images of H × W.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly partial record struct Pool2dGeometry(
    int Planes, int InHeight, int InWidth, int OutHeight, int OutWidth,
    int KernelHeight, int KernelWidth, int StrideHeight, int StrideWidth, int PaddingHeight, int PaddingWidth);

/// <summary>Normalisation of x [Outer, Channels, Inner]: batch norm per channel over Outer × Inner, layer norm per row with Outer rows of Channels × Inner.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct NormGeometry(int Outer, int Channels, int Inner, float Epsilon);

/// <summary>Local response normalisation across <paramref name="Size"/> channels of x [Outer, Channels, Inner].</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct LocalResponseGeometry(int Outer, int Channels, int Inner, int Size, float Alpha, float Beta, float Bias);

/// <summary>The counter-based random mask of one dropout: element i of step s is kept iff Philox(seed, stream, s, Start + i) ≥ Rate.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct DropoutGeometry(int Count, float Rate, ulong Seed, ulong Stream, ulong Step, long Start);

/// <summary>Softmax over the middle of [Outer, Classes, Inner].</summary>
public enum SoftmaxKind
{
    /// <summary>exp(xᵢ) / Σ exp(xⱼ).</summary>
    Softmax,

    /// <summary>xᵢ − log Σ exp(xⱼ).</summary>
    LogSoftmax,
}

/// <summary>Softmax cross-entropy of logits [Rows, Classes] against integer labels, with label smoothing.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct CrossEntropyGeometry(int Rows, int Classes, float Smoothing);

/// <summary>A batch out of a dataset of <paramref name="Count"/> images [C, H, W] of bytes: image i is order[First + i], changed as <c>Augmentation</c> says.</summary>
/// <param name="Seed">Seed of the augmentation.</param>
/// <param name="Batch">Images of the batch.</param>
/// <param name="Channels">C.</param>
/// <param name="Height">H, pixels.</param>
/// <param name="Width">W, pixels.</param>
/// <param name="Count">Images of the dataset.</param>
/// <param name="First">Place in the order of the first image.</param>
/// <param name="Epoch">Epoch of the augmentation.</param>
/// <param name="Shift">Largest translation, pixels.</param>
/// <param name="Rotation">Largest turn, degrees.</param>
/// <param name="Scale">Largest change of size, a fraction.</param>
/// <param name="Elastic">Largest displacement of the smooth field, pixels.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct GatherGeometry(
    ulong Seed, int Batch, int Channels, int Height, int Width, int Count, int First, int Epoch,
    float Shift, float Rotation, float Scale, float Elastic);
