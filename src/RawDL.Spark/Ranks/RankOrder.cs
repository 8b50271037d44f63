using System.Globalization;
using System.Text;

namespace RawDL.Spark;

/// <summary>Which task starts which rank: nodes in the order of their first task, tasks in order within a node. Neighbours share memory, and task 0 has rank 0.</summary>
internal static class RankOrder
{
    /// <summary>Rank and node number of each task.</summary>
    /// <param name="keys">The tasks' nodes, in the order of tasks.</param>
    internal static (int Rank, int Node)[] Of(IReadOnlyList<string> keys)
    {
        var nodes = new Dictionary<string, int>();
        foreach (var key in keys) nodes.TryAdd(key, nodes.Count);
        var placed = new (int Rank, int Node)[keys.Count];
        var rank = 0;
        // A stable order.
        foreach (var task in Enumerable.Range(0, keys.Count).OrderBy(task => nodes[keys[task]])) placed[task] = (rank++, nodes[keys[task]]);
        return placed;
    }

    /// <summary>MPICH's words for it: blocks of first node, number of nodes, ranks on each.</summary>
    /// <param name="nodes">The node of each rank.</param>
    internal static string Mapping(ReadOnlySpan<int> nodes)
    {
        var text = new StringBuilder("(vector");
        for (int first = 0, next; first < nodes.Length; first = next)
        {
            for (next = first + 1; next < nodes.Length && nodes[next] == nodes[first]; next++) { }
            text.Append(CultureInfo.InvariantCulture, $",({nodes[first]},1,{next - first})");
        }
        return text.Append(')').ToString();
    }
}
