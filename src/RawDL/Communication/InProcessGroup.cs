namespace RawDL;

/// <summary>The meeting point of some threads of an <see cref="InProcessWorld"/>: what they lend each other during a collective, and their mail.</summary>
/// <param name="world">The shared lock and failure.</param>
/// <param name="members">The rank in the world of each member.</param>
internal sealed class InProcessGroup(InProcessWorld world, int[] members)
{
    private readonly List<InProcessMessage>[] _mail = [.. members.Select(_ => new List<InProcessMessage>())];
    private string _operation = "";
    private long _argument;
    private int _arrived;
    private int _leaving;
    private int _generation;

    internal InProcessWorld World { get; } = world;

    internal int Size => members.Length;

    /// <summary>The addresses that each member lends, valid between <see cref="Open"/> and <see cref="Close"/>.</summary>
    internal nint[] Inputs { get; } = new nint[members.Length];

    internal nint[] Outputs { get; } = new nint[members.Length];

    /// <summary>The groups that a split makes, by member.</summary>
    internal (InProcessGroup Group, int Rank)[] Made { get; set; } = [];

    /// <summary>Begins a collective: returns when all members have come with the same operation and argument.</summary>
    internal void Open(int rank, string operation, long argument, nint input, nint output)
    {
        lock (World.Gate)
        {
            World.ThrowIfFailed(operation);
            if (_arrived == 0) (_operation, _argument) = (operation, argument);
            else if (_operation != operation || _argument != argument)
                throw new CommunicationException($"{operation}: expected {_operation} of {_argument} as on another rank, got {operation} of {argument} on rank {rank}");
            (Inputs[rank], Outputs[rank]) = (input, output);
            var generation = _generation;
            if (++_arrived == Size)
            {
                _arrived = 0;
                _generation++;
                foreach (var member in members) World.Free(member);
                World.Wake();
            }
            while (generation == _generation) World.Wait(members[rank], operation);
        }
    }

    /// <summary>Ends a collective: returns when no member reads what another lent. Between the two nothing throws, so all members come here.</summary>
    internal void Close()
    {
        lock (World.Gate)
        {
            var generation = _generation;
            if (++_leaving == Size)
            {
                _leaving = 0;
                _generation++;
                World.Wake();
            }
            while (generation == _generation) World.WaitForCertain();
        }
    }

    internal void Send(int destination, InProcessMessage message)
    {
        lock (World.Gate)
        {
            World.ThrowIfFailed("InProcessCommunicator.Send");
            _mail[destination].Add(message);
            World.Free(members[destination]);
            World.Wake();
        }
    }

    /// <summary>The first message that fits: taken or left, waited for or not. Null only without waiting.</summary>
    internal InProcessMessage? Find(int rank, int source, int tag, string operation, bool take, bool wait)
    {
        lock (World.Gate)
            while (true)
            {
                World.ThrowIfFailed(operation);
                var index = _mail[rank].FindIndex(message => message.Fits(source, tag));
                if (index >= 0)
                {
                    var message = _mail[rank][index];
                    if (take) _mail[rank].RemoveAt(index);
                    return message;
                }
                if (!wait) return null;
                World.Wait(members[rank], operation);
            }
    }

    /// <summary>Called by one member for all: the groups of equal color, ordered by key and then rank.</summary>
    internal void MakeGroups(ReadOnlySpan<int> colors, ReadOnlySpan<int> keys)
    {
        var made = new (InProcessGroup Group, int Rank)[Size];
        var order = new int[Size];
        for (var rank = 0; rank < Size; rank++) order[rank] = rank;
        var sorted = keys.ToArray();
        Array.Sort(order, (a, b) => sorted[a] != sorted[b] ? sorted[a].CompareTo(sorted[b]) : a.CompareTo(b));
        var groupColors = colors.ToArray();
        foreach (var color in groupColors.Distinct())
        {
            var ranks = order.Where(rank => groupColors[rank] == color).ToArray();
            var group = new InProcessGroup(World, [.. ranks.Select(rank => members[rank])]);
            for (var i = 0; i < ranks.Length; i++) made[ranks[i]] = (group, i);
        }
        Made = made;
    }
}
