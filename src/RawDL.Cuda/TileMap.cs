namespace RawDL.Cuda;

/// <summary>Elements that the copy engine moves; the driver's numbers.</summary>
internal enum TileElement
{
    /// <summary>4 bytes.</summary>
    Float32 = 7,

    /// <summary>2 bytes.</summary>
    BFloat16 = 9,
}

/// <summary>A row-major matrix and the boxes of it that one copy moves to shared memory.</summary>
/// <param name="Element">What it consists of.</param>
/// <param name="Address">Of the first element, a multiple of 16.</param>
/// <param name="Columns">Elements of a row.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Pitch">Bytes from row to row, a multiple of 16.</param>
/// <param name="BoxColumns">Elements of a row of a box, at most 256; 128 bytes where swizzled.</param>
/// <param name="BoxRows">Rows of a box, at most 256.</param>
/// <param name="Swizzled">Bits 4-6 of the shared address are xored with bits 7-9 (CU_TENSOR_MAP_SWIZZLE_128B), so that a column of 16-byte pieces meets all banks.</param>
internal readonly record struct TileMap(TileElement Element, ulong Address, int Columns, int Rows, long Pitch, int BoxColumns, int BoxRows, bool Swizzled);
