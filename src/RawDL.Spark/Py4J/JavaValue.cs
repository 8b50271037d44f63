namespace RawDL.Spark;

/// <summary>An argument or a reply of a call into the JVM.</summary>
internal readonly struct JavaValue
{
    private readonly object? _object;
    private readonly long _bits;

    private JavaValue(JavaKind kind, long bits, object? value) => (Kind, _bits, _object) = (kind, bits, value);

    internal JavaKind Kind { get; }

    internal static JavaValue Null => new(JavaKind.Null, 0, null);

    internal static JavaValue Void => new(JavaKind.Void, 0, null);

    internal bool IsNull => Kind is JavaKind.Null or JavaKind.Void;

    internal bool Boolean => Kind == JavaKind.Boolean ? _bits != 0 : throw Wrong("a boolean");

    internal int Int => Kind == JavaKind.Int ? (int)_bits : throw Wrong("an int");

    internal long Long => Kind is JavaKind.Int or JavaKind.Long ? _bits : throw Wrong("a long");

    internal double Double => Kind == JavaKind.Double ? BitConverter.Int64BitsToDouble(_bits) : throw Wrong("a double");

    internal string Text => Kind == JavaKind.Text ? (string)_object! : throw Wrong("a text");

    /// <summary>The text, or null for Java's null.</summary>
    internal string? TextOrNull => IsNull ? null : Text;

    internal ReadOnlyMemory<byte> Bytes => Kind == JavaKind.Bytes ? (ReadOnlyMemory<byte>)_object! : throw Wrong("bytes");

    internal JavaObject Object => _object as JavaObject ?? throw Wrong("an object");

    /// <summary>The object, or null for Java's null.</summary>
    internal JavaObject? ObjectOrNull => IsNull ? null : Object;

    /// <summary>Where a JVM's server listens: its port, or a path with Unix domain sockets.</summary>
    internal LocalAddress Address => Kind == JavaKind.Text ? new LocalAddress(0, Text) : new LocalAddress(Int);

    public static implicit operator JavaValue(bool value) => new(JavaKind.Boolean, value ? 1 : 0, null);

    public static implicit operator JavaValue(int value) => new(JavaKind.Int, value, null);

    public static implicit operator JavaValue(long value) => new(JavaKind.Long, value, null);

    public static implicit operator JavaValue(double value) => new(JavaKind.Double, BitConverter.DoubleToInt64Bits(value), null);

    public static implicit operator JavaValue(string? value) => value is null ? Null : new JavaValue(JavaKind.Text, 0, value);

    public static implicit operator JavaValue(byte[] value) => (ReadOnlyMemory<byte>)value;

    public static implicit operator JavaValue(ReadOnlyMemory<byte> value) => new(JavaKind.Bytes, 0, value);

    public static implicit operator JavaValue(JavaObject? value) => value is null ? Null : new JavaValue(JavaKind.Reference, 0, value);

    private SparkProtocolException Wrong(string expected) => new($"Py4J: expected {expected}, got {Kind}");
}
