namespace RawDL;

/// <summary>A group of ranks that compute together. Every rank calls the same operations in the same order.</summary>
public interface ICommunicator
{
    /// <summary>This member's number, 0 to <see cref="Size"/> − 1.</summary>
    int Rank { get; }

    /// <summary>Number of members.</summary>
    int Size { get; }

    /// <summary>Replaces each element by its sum over all ranks; every rank gets the same bits.</summary>
    void AllReduceSum(Span<float> values);

    /// <summary>As the float form, in double precision: for counts, losses and confusion matrices.</summary>
    void AllReduceSum(Span<double> values);

    /// <summary>Replaces the values of every rank by those of <paramref name="root"/>.</summary>
    void Broadcast(Span<float> values, int root);

    /// <summary>Returns when every rank has called it.</summary>
    void Barrier();
}
