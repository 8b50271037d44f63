using StbImageSharp;
using StbImageWriteSharp;
using Layout = StbImageSharp.ColorComponents;

namespace RawDL.NN;

/// <summary>Reads PNG and JPEG files and writes PNG, as planes [C, H, W] of bytes: what a <see cref="ByteDataset"/> holds.</summary>
public static class ImageFile
{
    /// <summary>Reads an image of at most 2²⁶ pixels. Which format it is stands in its first bytes; transparency is left out.</summary>
    /// <param name="path">The file.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">1 for grey (of colours 0.30 R + 0.59 G + 0.11 B), 3 for red, green, blue.</param>
    /// <returns>[channels, height, width].</returns>
    /// <exception cref="ArgumentException">The number of channels is neither 1 nor 3.</exception>
    /// <exception cref="RawFileException">The file is missing or breaks a rule of its format.</exception>
    public static byte[] Read(string path, out int width, out int height, int channels) => Decode(InputFile.ReadAll(path), path, out width, out height, channels);

    /// <summary>Whether the name of a file ends as those of images do.</summary>
    internal static bool IsName(string path) => Path.GetExtension(path).ToLowerInvariant() is ".png" or ".jpg" or ".jpeg";

    /// <summary>Checks a file and tells its extents, without decoding it.</summary>
    internal static ImageHeader Inspect(byte[] bytes, string path) =>
        PngCheck.Recognizes(bytes) ? PngCheck.Run(bytes, path)
        : JpegCheck.Recognizes(bytes) ? JpegCheck.Run(bytes, path)
        : throw new RawFileException(path, 0, $"expected a PNG or JPEG image, got the bytes {Convert.ToHexString(bytes.AsSpan(0, Math.Min(4, bytes.Length)))}");

    internal static byte[] Decode(byte[] bytes, string path, out int width, out int height, int channels)
    {
        if (channels is not (1 or 3)) throw new ArgumentException($"ImageFile: expected 1 or 3 channels, got {channels}.");
        var header = Inspect(bytes, path);
        (width, height) = (header.Width, header.Height);
        ImageResult image;
        try
        {
            image = ImageResult.FromMemory(bytes, channels == 1 ? Layout.Grey : Layout.RedGreenBlue);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The decoder documents none of its exceptions; whatever it throws is about these bytes.
            throw new RawFileException(path, null, $"expected an image that can be decoded, got: {e.Message}", e);
        }
        if (image.Width != width || image.Height != height || image.Data.Length != (long)width * height * channels)
            throw new RawFileException(path, null, $"expected {width} x {height} pixels, got {image.Width} x {image.Height}");
        return channels == 1 ? image.Data : ToPlanes(image.Data);
    }

    /// <summary>Writes an image as PNG.</summary>
    /// <param name="destination">Gets the file.</param>
    /// <param name="planes">[channels, height, width].</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">1 for grey, 3 for red, green, blue.</param>
    /// <exception cref="ArgumentException">The number of channels or of bytes does not fit.</exception>
    public static void WritePng(Stream destination, ReadOnlySpan<byte> planes, int width, int height, int channels)
    {
        if (channels is not (1 or 3) || width < 1 || height < 1 || planes.Length != (long)width * height * channels)
            throw new ArgumentException($"ImageFile: expected 1 or 3 channels of at least one pixel and all their bytes, got {planes.Length} bytes for [{channels}, {height}, {width}].");
        var size = width * height;
        var pixels = new byte[planes.Length];
        for (var c = 0; c < channels; c++)
            for (var i = 0; i < size; i++) pixels[i * channels + c] = planes[c * size + i];
        new ImageWriter().WritePng(pixels, width, height, channels == 1 ? StbImageWriteSharp.ColorComponents.Grey : StbImageWriteSharp.ColorComponents.RedGreenBlue, destination);
    }

    private static byte[] ToPlanes(byte[] pixels)
    {
        var size = pixels.Length / 3;
        var planes = new byte[pixels.Length];
        for (var i = 0; i < size; i++)
            (planes[i], planes[size + i], planes[2 * size + i]) = (pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]);
        return planes;
    }
}
