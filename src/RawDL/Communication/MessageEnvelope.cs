namespace RawDL;

/// <summary>What is known of a message that arrived.</summary>
/// <param name="Source">The rank that sent it.</param>
/// <param name="Tag">The number it was sent with.</param>
/// <param name="Count">Number of elements.</param>
public readonly record struct MessageEnvelope(int Source, int Tag, int Count)
{
    /// <summary>Receives from whichever rank comes first.</summary>
    public const int AnySource = -1;

    /// <summary>Receives whatever the tag is.</summary>
    public const int AnyTag = -1;
}
