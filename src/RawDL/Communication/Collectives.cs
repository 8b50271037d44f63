namespace RawDL;

/// <summary>What is composed of a communicator's own operations.</summary>
public static class Collectives
{
    /// <summary>Gives all ranks the bytes of <paramref name="root"/>, whose number only that one knows. Every rank calls it.</summary>
    /// <param name="ranks">The group.</param>
    /// <param name="bytes">On the root any number; not used elsewhere.</param>
    /// <param name="root">The rank that has them.</param>
    /// <returns>The root's bytes; on the root <paramref name="bytes"/> itself.</returns>
    public static byte[] BroadcastBytes(this ICommunicator ranks, byte[] bytes, int root)
    {
        Span<int> length = [bytes.Length];
        ranks.Broadcast(length, root);
        if (ranks.Rank != root) bytes = new byte[length[0]];
        ranks.Broadcast<byte>(bytes, root);
        return bytes;
    }

    /// <summary>x₀ + x₁ + … in the order of ranks, whatever the library: the same bits on every rank and in every run.</summary>
    public static double SumInOrder(this ICommunicator ranks, double value)
    {
        var all = new double[ranks.Size];
        ranks.AllGather<double>([value], all);
        var sum = 0.0;
        foreach (var one in all) sum += one;
        return sum;
    }

    /// <summary>Checks that a vector of all ranks has the parts of each.</summary>
    /// <exception cref="ArgumentException">It has not: <c>MpiCommunicator.AllGather: expected 3 times 5 elements, got 14.</c></exception>
    public static void RequireParts(this ICommunicator ranks, string operation, int all, int part)
    {
        if ((long)part * ranks.Size != all) throw new ArgumentException($"{ranks.GetType().Name}.{operation}: expected {ranks.Size} times {part} elements, got {all}.");
    }
}
