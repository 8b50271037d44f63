namespace RawDL.Mpi;

/// <summary>
/// The blocking MPI call that a thread is in, for <see cref="MpiWatchdog"/>: <c>MpiCall.Enter("MPI_Barrier").Leave(MPI_Barrier(…))</c>.
/// A count, not a time, as reading the clock twice would be a tenth of a small allreduce.
/// </summary>
internal sealed class MpiCall
{
    private static readonly List<MpiCall> s_all = [];
    [ThreadStatic] private static MpiCall? t_mine;

    private long _count;
    private string _name = "";

    private MpiCall() { }

    /// <summary>Odd while inside a call.</summary>
    internal long Count => Volatile.Read(ref _count);

    internal string Name => _name;

    internal static MpiCall Enter(string name)
    {
        var mine = t_mine ?? Register();
        mine._name = name;
        Volatile.Write(ref mine._count, mine._count + 1);
        return mine;
    }

    /// <summary>Throws MPI's error if the call returned one.</summary>
    internal void Leave(int code)
    {
        Volatile.Write(ref _count, _count + 1);
        MpiException.Check(code, _name);
    }

    internal static MpiCall[] All()
    {
        lock (s_all) return [.. s_all];
    }

    private static MpiCall Register()
    {
        t_mine = new MpiCall();
        lock (s_all) s_all.Add(t_mine);
        return t_mine;
    }
}
