using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace RawDL.Spark;

/// <summary>The bytes of a command: lines of UTF-8, a value with its letter in front, "e" at the end.</summary>
internal sealed class JavaCommand
{
    private readonly ArrayBufferWriter<byte> _bytes = new(1 << 10);

    internal ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    internal JavaCommand Line(ReadOnlySpan<char> text)
    {
        Encoding.UTF8.GetBytes(text, _bytes);
        return EndLine();
    }

    internal JavaCommand Values(ReadOnlySpan<JavaValue> values)
    {
        foreach (var value in values) Value(value);
        return this;
    }

    internal JavaCommand Value(in JavaValue value)
    {
        switch (value.Kind)
        {
            case JavaKind.Boolean: return Line(value.Boolean ? "btrue" : "bfalse");
            case JavaKind.Int: return Line(string.Create(CultureInfo.InvariantCulture, $"i{value.Int}"));
            case JavaKind.Long: return Line(string.Create(CultureInfo.InvariantCulture, $"L{value.Long}"));
            case JavaKind.Double: return Line($"d{Number(value.Double)}");
            case JavaKind.Text: return Text(value.Text);
            case JavaKind.Bytes: return Block(value.Bytes.Span);
            case JavaKind.Reference: return Line($"r{value.Object.Target}");
            default: return Line("n");
        }
    }

    internal JavaCommand End() => Line("e");

    internal void Clear() => _bytes.ResetWrittenCount();

    private static string Number(double value) =>
        double.IsNaN(value) ? "nan" : double.IsPositiveInfinity(value) ? "inf" : double.IsNegativeInfinity(value) ? "-inf" : value.ToString("R", CultureInfo.InvariantCulture);

    private JavaCommand Text(string text)
    {
        _bytes.Write("s"u8);
        for (var rest = text.AsSpan(); ;)
        {
            var special = rest.IndexOfAny('\\', '\r', '\n');
            Encoding.UTF8.GetBytes(special < 0 ? rest : rest[..special], _bytes);
            if (special < 0) return EndLine();
            _bytes.Write(rest[special] switch { '\\' => @"\\"u8, '\r' => @"\r"u8, _ => @"\n"u8 });
            rest = rest[(special + 1)..];
        }
    }

    private JavaCommand Block(ReadOnlySpan<byte> block)
    {
        _bytes.Write("j"u8);
        Base64.EncodeToUtf8(block, _bytes.GetSpan(Base64.GetMaxEncodedToUtf8Length(block.Length)), out _, out var written);
        _bytes.Advance(written);
        return EndLine();
    }

    private JavaCommand EndLine()
    {
        _bytes.Write("\n"u8);
        return this;
    }
}
