// The resolved problems of src/RawDL/Devices/Geometry.cs, byte by byte: a launch passes them by value. N batch, C channels, H height, W width.
#pragma once
#include "common.cuh"

// Bits: which operand of a matrix product is read transposed.
enum Transpose { TRANSPOSE_NONE = 0, TRANSPOSE_LEFT = 1, TRANSPOSE_RIGHT = 2, TRANSPOSE_BOTH = 3 };

// b of channels elements against a of [outer, channels, inner].
struct BroadcastGeometry { int outer, channels, inner; };
static_assert(sizeof(BroadcastGeometry) == 12, "as in Geometry.cs");

// C[rows, columns] = A·B with inner products per element, after transposition.
struct MatMulGeometry { int rows, columns, inner, transpose; };
static_assert(sizeof(MatMulGeometry) == 16, "as in Geometry.cs");

// x of [outer, reduced, inner] reduced over its middle.
struct ReduceGeometry { int outer, reduced, inner; };
static_assert(sizeof(ReduceGeometry) == 12, "as in Geometry.cs");

// A box of [d0, d1, d2, d3] copied between two row-major arrays, strides and offsets in elements.
struct RegionGeometry
{
    int d0, d1, d2, d3;
    int source_offset, source_stride0, source_stride1, source_stride2, source_stride3;
    int target_offset, target_stride0, target_stride1, target_stride2, target_stride3;
};
static_assert(sizeof(RegionGeometry) == 56, "as in Geometry.cs");

// One resolved convolution of x [N, C, H, W] with weight [O, C / groups, U, V].
struct Conv2dGeometry
{
    int batch, in_channels, in_height, in_width;
    int out_channels, kernel_height, kernel_width;
    int out_height, out_width;
    int stride_height, stride_width, padding_height, padding_width;
    int dilation_height, dilation_width, groups;
};
static_assert(sizeof(Conv2dGeometry) == 64, "as in Geometry.cs");

// A convolution of stride 1 without padding, followed by ReLU and the maximum over windows of 2 x 2.
struct Conv2dPoolGeometry { Conv2dGeometry convolution; int pooled_height, pooled_width; };
static_assert(sizeof(Conv2dPoolGeometry) == 72, "as in Geometry.cs");

// One resolved pooling of planes = N·C images of H × W.
struct Pool2dGeometry
{
    int planes, in_height, in_width, out_height, out_width;
    int kernel_height, kernel_width, stride_height, stride_width, padding_height, padding_width;
};
static_assert(sizeof(Pool2dGeometry) == 44, "as in Geometry.cs");

// Normalisation of x [outer, channels, inner].
struct NormGeometry { int outer, channels, inner; float epsilon; };
static_assert(sizeof(NormGeometry) == 16, "as in Geometry.cs");

// Local response normalisation across size channels of x [outer, channels, inner].
struct LocalResponseGeometry { int outer, channels, inner, size; float alpha, beta, bias; };
static_assert(sizeof(LocalResponseGeometry) == 28, "as in Geometry.cs");

// Element i of a step is kept iff Philox(seed, stream, step, start + i) >= rate.
struct DropoutGeometry { int count; float rate; uint64 seed, stream, step; int64 start; };
static_assert(sizeof(DropoutGeometry) == 40, "as in Geometry.cs");

enum SoftmaxKind { SOFTMAX = 0, LOG_SOFTMAX = 1 };

// Softmax cross-entropy of logits [rows, classes] against integer labels, with label smoothing.
struct CrossEntropyGeometry { int rows, classes; float smoothing; };
static_assert(sizeof(CrossEntropyGeometry) == 12, "as in Geometry.cs");

// A batch of images out of a dataset of count images [C, H, W] of bytes, augmented.
struct GatherGeometry
{
    uint64 seed;
    int batch, channels, height, width, count, first, epoch;
    float shift, rotation, scale, elastic;
};
static_assert(sizeof(GatherGeometry) == 56, "as in Geometry.cs");

// A run of the flat parameter buffer with its own regularisation: IUpdateRule.cs.
struct UpdateSegment { int offset, count; float scale, clip, l1, l2, decay; };
static_assert(sizeof(UpdateSegment) == 28, "as in IUpdateRule.cs");

// Where a run of steps stands that the device repeats without the host; all 0 where the host runs each step. CudaDevice.Step.cs.
//   step      added to the step of a dropout
//   index     entry of the tables and histories that have one entry per step
//   position  samples of the epoch's order that are behind
//   epoch     added to the epoch of an augmentation
struct StepState { uint64 step; uint32 index, position, epoch, failed; };
static_assert(sizeof(StepState) == 24, "as in CudaDevice.Step.cs");
