namespace RawDL.Spark;

/// <summary>The letter in front of a value on the wire.</summary>
internal enum JavaKind : byte
{
    Void = (byte)'v', Null = (byte)'n', Boolean = (byte)'b', Int = (byte)'i', Long = (byte)'L', Double = (byte)'d', Decimal = (byte)'D', Text = (byte)'s', Bytes = (byte)'j',
    Reference = (byte)'r', Array = (byte)'t', List = (byte)'l', Set = (byte)'h', Map = (byte)'a', Iterator = (byte)'g',
}
