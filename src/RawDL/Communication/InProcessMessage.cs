namespace RawDL;

/// <summary>A message on its way between two threads, with a copy of its values.</summary>
internal sealed record InProcessMessage(int Source, int Tag, byte[] Bytes)
{
    internal bool Fits(int source, int tag) =>
        (source == MessageEnvelope.AnySource || source == Source) && (tag == MessageEnvelope.AnyTag || tag == Tag);

    internal unsafe MessageEnvelope Envelope<T>() where T : unmanaged => new(Source, Tag, Bytes.Length / sizeof(T));
}
