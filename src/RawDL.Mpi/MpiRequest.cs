using static RawDL.Mpi.MpiFunctions;

namespace RawDL.Mpi;

/// <summary>A running operation of MPI, in one piece or several.</summary>
public sealed unsafe class MpiRequest : ICommunicationRequest
{
    private readonly nint _statusIgnore;
    private readonly MpiRequest? _before;
    private nint _handle;

    internal MpiRequest(nint handle, MpiRequest? before, nint statusIgnore)
    {
        _handle = handle;
        _before = before;
        _statusIgnore = statusIgnore;
    }

    /// <inheritdoc/>
    public bool Test()
    {
        if (_before?.Test() == false) return false;
        var done = 0;
        // A finished request becomes MPI_REQUEST_NULL, which is always done.
        fixed (nint* handle = &_handle) MpiException.Check(MPI_Test(handle, &done, (void*)_statusIgnore), nameof(MPI_Test));
        return done != 0;
    }

    /// <inheritdoc/>
    public void Wait()
    {
        _before?.Wait();
        fixed (nint* handle = &_handle) MpiCall.Enter(nameof(MPI_Wait)).Leave(MPI_Wait(handle, (void*)_statusIgnore));
    }
}
