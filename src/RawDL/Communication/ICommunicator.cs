namespace RawDL;

/// <summary>A group of ranks that compute together. Every rank calls the same collective operations in the same order.</summary>
public unsafe interface ICommunicator
{
    /// <summary>This member's number, 0 to <see cref="Size"/> − 1.</summary>
    int Rank { get; }

    /// <summary>Number of members.</summary>
    int Size { get; }

    /// <summary>Whether <see cref="StartAllReduceSum"/> takes addresses in the memory of a GPU.</summary>
    bool ReadsDeviceMemory => false;

    /// <summary>Replaces each element by its sum over all ranks; every rank gets the same bits.</summary>
    void AllReduceSum(Span<float> values);

    /// <summary>As the float form, in double precision: for counts, losses and confusion matrices.</summary>
    void AllReduceSum(Span<double> values);

    /// <summary>Starts <see cref="AllReduceSum(Span{float})"/> and returns, where the library can. Every rank starts its operations in the same order.</summary>
    /// <param name="values">Native memory or a pinned array, which stays where it is until the request is done.</param>
    /// <param name="count">Number of elements.</param>
    ICommunicationRequest StartAllReduceSum(float* values, long count);

    /// <summary>Rank r gets the r-th part of the sums over all ranks.</summary>
    /// <param name="values">Size · n elements.</param>
    /// <param name="mine">n elements, outside <paramref name="values"/>.</param>
    void ReduceScatterSum(ReadOnlySpan<float> values, Span<float> mine);

    /// <summary>Every rank gets the values of all, in the order of ranks.</summary>
    /// <param name="mine">n elements of 1, 2, 4 or 8 bytes, outside <paramref name="all"/>.</param>
    /// <param name="all">Size · n elements.</param>
    void AllGather<T>(ReadOnlySpan<T> mine, Span<T> all) where T : unmanaged;

    /// <summary>Rank r gets the r-th part of every rank's values, in the order of ranks.</summary>
    /// <param name="outgoing">Size · n elements of 1, 2, 4 or 8 bytes.</param>
    /// <param name="incoming">Size · n elements, outside <paramref name="outgoing"/>.</param>
    void AllToAll<T>(ReadOnlySpan<T> outgoing, Span<T> incoming) where T : unmanaged;

    /// <summary>Replaces the values of every rank by those of <paramref name="root"/>.</summary>
    void Broadcast<T>(Span<T> values, int root) where T : unmanaged;

    /// <summary>Returns when every rank has called it.</summary>
    void Barrier();

    /// <summary>The ranks of equal <paramref name="color"/> (≥ 0), ordered by <paramref name="key"/>. Every rank calls it.</summary>
    ICommunicator Split(int color, int key);

    /// <summary>The ranks that share this one's memory: those of one machine. Every rank calls it.</summary>
    ICommunicator SplitByNode();

    /// <summary>Sends values to one rank, and returns when they may be changed. A long message may wait until the other rank receives it.</summary>
    /// <param name="values">Elements of 1, 2, 4 or 8 bytes.</param>
    /// <param name="destination">The receiving rank.</param>
    /// <param name="tag">0 to 32767, to tell kinds of messages apart.</param>
    void Send<T>(ReadOnlySpan<T> values, int destination, int tag) where T : unmanaged;

    /// <summary>Starts <see cref="Send"/> and returns.</summary>
    /// <param name="values">Native memory or a pinned array, which stays as it is until the request is done.</param>
    /// <param name="count">Number of elements.</param>
    /// <param name="destination">The receiving rank.</param>
    /// <param name="tag">0 to 32767.</param>
    ICommunicationRequest StartSend<T>(T* values, int count, int destination, int tag) where T : unmanaged;

    /// <summary>Receives the next message that fits, into the first elements of <paramref name="values"/>. A longer message is an error.</summary>
    /// <param name="values">Room for the message; elements of the size they were sent with.</param>
    /// <param name="source">The sending rank, or <see cref="MessageEnvelope.AnySource"/>.</param>
    /// <param name="tag">Its tag, or <see cref="MessageEnvelope.AnyTag"/>.</param>
    MessageEnvelope Receive<T>(Span<T> values, int source, int tag) where T : unmanaged;

    /// <summary>Tells whether a message that fits has arrived, without waiting and without taking it.</summary>
    bool TryProbe<T>(int source, int tag, out MessageEnvelope message) where T : unmanaged;

    /// <summary>Waits for a message that fits, without taking it.</summary>
    MessageEnvelope Probe<T>(int source, int tag) where T : unmanaged;
}
