#:package BitMiracle.LibJpeg.NET@1.5.324
// Makes the JPEG files of tests/golden/images with an encoder that knows grey and progressive files: dotnet run tests/golden/make_images.cs
using BitMiracle.LibJpeg;

Write("grey", 1, false);
Write("grey_progressive", 1, true);
Write("colour_progressive", 3, true);

static void Write(string name, int components, bool progressive)
{
    var rows = new SampleRow[24];
    for (var y = 0; y < 24; y++)
    {
        var row = new byte[32 * components];
        for (var x = 0; x < 32; x++)
            for (var c = 0; c < components; c++) row[x * components + c] = (byte)Math.Clamp(8 * x * (c + 1) / 2 + y * 5 * (2 - c), 0, 255);
        rows[y] = new SampleRow(row, 32, 8, (byte)components);
    }
    using var image = new JpegImage(rows, components == 1 ? Colorspace.Grayscale : Colorspace.RGB);
    using var file = File.Create($"tests/golden/images/{name}.jpg");
    image.WriteJpeg(file, new CompressionParameters { Quality = 90, SimpleProgressive = progressive });
}
