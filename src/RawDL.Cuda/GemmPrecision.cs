namespace RawDL.Cuda;

/// <summary>What the products of a matrix product are made of; sums are float in all.</summary>
public enum GemmPrecision
{
    /// <summary>float: 24 bits.</summary>
    Float32,

    /// <summary>Near float on tensor cores: each factor is the sum of two of TF32, the product the sum of three (Ootomo and Yokota 2022).</summary>
    Float32By3xTf32,

    /// <summary>Factors rounded to TF32: 11 bits.</summary>
    Tf32,

    /// <summary>Factors rounded to bfloat16: 8 bits.</summary>
    BFloat16,
}
