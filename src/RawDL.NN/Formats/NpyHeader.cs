using System.Globalization;
using System.Text;

namespace RawDL.NN;

/// <summary>
/// The header of an npy file: a Python dictionary with exactly the keys descr, fortran_order and shape. It is split into tokens and never
/// evaluated; nothing but text, True, False and a tuple of numbers is accepted.
/// </summary>
internal ref struct NpyHeader
{
    internal const int MaxRank = 32;

    private readonly ReadOnlySpan<byte> _text;
    private readonly string _path;
    private readonly int _start;
    private int _position;

    private NpyHeader(ReadOnlySpan<byte> text, string path, int start)
    {
        _text = text;
        _path = path;
        _start = start;
    }

    internal string? Descriptor { get; private set; }

    internal bool? FortranOrder { get; private set; }

    internal long[]? Shape { get; private set; }

    /// <summary>Parses the header, which begins at byte <paramref name="start"/> of the file.</summary>
    /// <exception cref="RawFileException">The text is not such a dictionary.</exception>
    internal static NpyHeader Parse(ReadOnlySpan<byte> text, string path, int start)
    {
        var header = new NpyHeader(text, path, start);
        header.ReadDictionary();
        return header;
    }

    private void ReadDictionary()
    {
        Expect('{');
        while (!Accept('}'))
        {
            var key = ReadString("a key");
            Expect(':');
            switch (key)
            {
                case "descr" when Descriptor is null: Descriptor = ReadString("text after descr; structured types and objects are refused"); break;
                case "fortran_order" when FortranOrder is null: FortranOrder = ReadBoolean(); break;
                case "shape" when Shape is null: Shape = ReadTuple(); break;
                default: throw Error("the keys descr, fortran_order and shape once each", RawFileException.Quote(key));
            }
            if (Accept(',')) continue;
            Expect('}');
            break;
        }
        SkipSpace();
        if (_position < _text.Length) throw Error("white space after the dictionary", Found());
        if (Descriptor is null || FortranOrder is null || Shape is null)
            throw Error("the keys descr, fortran_order and shape", "no " + (Descriptor is null ? "descr" : FortranOrder is null ? "fortran_order" : "shape"));
    }

    private string ReadString(string what)
    {
        SkipSpace();
        if (_position == _text.Length || _text[_position] is not ((byte)'\'' or (byte)'"')) throw Error(what, Found());
        var quote = _text[_position++];
        var length = _text[_position..].IndexOf(quote);
        if (length < 0) throw Error("the end of the text", "the end of the header");
        var text = _text.Slice(_position, length);
        if (text.IndexOf((byte)'\\') >= 0) throw Error("text without escapes", "a backslash");
        _position += length + 1;
        return Encoding.UTF8.GetString(text);
    }

    private bool ReadBoolean()
    {
        SkipSpace();
        foreach (var (word, value) in ((string, bool)[])[("True", true), ("False", false)])
        {
            if (_text.Length - _position < word.Length || !Ascii.Equals(_text.Slice(_position, word.Length), word)) continue;
            _position += word.Length;
            return value;
        }
        throw Error("True or False", Found());
    }

    private long[] ReadTuple()
    {
        Span<long> numbers = stackalloc long[MaxRank];
        var count = 0;
        var comma = false;
        Expect('(');
        while (!Accept(')'))
        {
            if (count == MaxRank) throw Error($"at most {MaxRank} extents", "more");
            numbers[count++] = ReadNumber();
            comma = Accept(',');
            if (comma) continue;
            Expect(')');
            break;
        }
        // In Python (6) is the number 6; only (6,) is a tuple.
        if (count == 1 && !comma) throw Error("a tuple for the shape", $"the number {numbers[0]}");
        return numbers[..count].ToArray();
    }

    private long ReadNumber()
    {
        SkipSpace();
        var length = 0;
        while (_position + length < _text.Length && char.IsAsciiDigit((char)_text[_position + length])) length++;
        if (length == 0 || !long.TryParse(_text.Slice(_position, length), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            throw Error("whole extents of 0 to 2^63 - 1", length == 0 ? Found() : Encoding.ASCII.GetString(_text.Slice(_position, Math.Min(length, 40))));
        _position += length;
        // Python 2 wrote long integers with this letter.
        if (_position < _text.Length && _text[_position] == (byte)'L') _position++;
        return number;
    }

    private void Expect(char symbol)
    {
        if (!Accept(symbol)) throw Error($"'{symbol}'", Found());
    }

    private bool Accept(char symbol)
    {
        SkipSpace();
        if (_position == _text.Length || _text[_position] != symbol) return false;
        _position++;
        return true;
    }

    private void SkipSpace()
    {
        while (_position < _text.Length && _text[_position] is (byte)' ' or (byte)'\n' or (byte)'\t' or (byte)'\r') _position++;
    }

    private readonly string Found() =>
        _position == _text.Length ? "the end of the header" : _text[_position] is > 32 and < 127 ? $"'{(char)_text[_position]}'" : $"byte {_text[_position]}";

    private readonly RawFileException Error(string expected, string got) => new(_path, _start + _position, $"expected {expected}, got {got}");
}
