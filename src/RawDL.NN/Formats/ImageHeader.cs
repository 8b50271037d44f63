namespace RawDL.NN;

/// <summary>What an image file says about itself.</summary>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="Channels">1 for grey, 3 for colour; transparency is not counted.</param>
internal readonly record struct ImageHeader(int Width, int Height, int Channels)
{
    // 8192 × 8192: a decoder needs some hundred megabytes for it.
    private const long MaxPixels = 1L << 26;

    /// <exception cref="RawFileException">An extent is 0, or there are too many pixels.</exception>
    public static ImageHeader Create(uint width, uint height, int channels, string path, int offset) =>
        width > 0 && height > 0 && width <= MaxPixels && height <= MaxPixels && (long)width * height <= MaxPixels
            ? new ImageHeader((int)width, (int)height, channels)
            : throw new RawFileException(path, offset, $"expected 1 to {MaxPixels} pixels, got {width} x {height}");
}
