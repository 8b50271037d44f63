using RawDL.Mpi;

namespace RawDL.MpiRank;

internal sealed class RuntimeChecks(ICommunicator world)
{
    public void Run()
    {
        ErrorsAreExceptions();
        NullReferencesAreExceptions();
        WrongLengthsAreExceptions();
    }

    private void ErrorsAreExceptions()
    {
        try
        {
            world.Send<float>([1], 9999, 0);
        }
        catch (MpiException e)
        {
            Check.That(e.Call == "MPI_Send" && e.Code != 0 && e.ErrorClass == 6 && e.Message.Contains("rank", StringComparison.Ordinal) && !e.Message.Contains('\n'));
            return;
        }
        throw new InvalidOperationException("expected an error for a rank that is not there");
    }

    /// <summary>UCX, once loaded with its own signal handlers, turns these into the end of the process.</summary>
    private static void NullReferencesAreExceptions()
    {
        string? nothing = null;
        try
        {
            _ = nothing!.Length;
        }
        catch (NullReferenceException)
        {
            return;
        }
        throw new InvalidOperationException("expected a null reference");
    }

    private void WrongLengthsAreExceptions()
    {
        try
        {
            world.AllGather<float>(new float[2], new float[(2 * world.Size) + 1]);
        }
        catch (ArgumentException)
        {
            return;
        }
        throw new InvalidOperationException("expected an error for a wrong length");
    }
}
