namespace RawDL.Mpi;

/// <summary>A running operation of MPI.NET.</summary>
internal sealed class MpiNetRequest(MPI.Request request) : ICommunicationRequest
{
    /// <inheritdoc/>
    public bool Test()
    {
        var done = false;
        MpiNetCommunicator.Call("MPI_Test", () => done = request.Test() is not null);
        return done;
    }

    /// <inheritdoc/>
    public void Wait() => MpiNetCommunicator.Call("MPI_Wait", () => request.Wait());
}
