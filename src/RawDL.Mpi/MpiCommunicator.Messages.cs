using static RawDL.Mpi.MpiFunctions;

namespace RawDL.Mpi;

public sealed unsafe partial class MpiCommunicator
{
    /// <inheritdoc/>
    public void Send<T>(ReadOnlySpan<T> values, int destination, int tag) where T : unmanaged
    {
        fixed (T* pointer = values) MpiCall.Enter(nameof(MPI_Send)).Leave(MPI_Send(pointer, values.Length, BitType<T>(), destination, tag, _handle));
    }

    /// <inheritdoc/>
    public ICommunicationRequest StartSend<T>(T* values, int count, int destination, int tag) where T : unmanaged
    {
        nint handle = 0;
        MpiException.Check(MPI_Isend(values, count, BitType<T>(), destination, tag, _handle, &handle), nameof(MPI_Isend));
        return new MpiRequest(handle, null, _abi.StatusIgnore);
    }

    /// <inheritdoc/>
    public MessageEnvelope Receive<T>(Span<T> values, int source, int tag) where T : unmanaged
    {
        var status = stackalloc byte[MpiAbi.StatusBytes];
        fixed (T* pointer = values)
            MpiCall.Enter(nameof(MPI_Recv)).Leave(MPI_Recv(pointer, values.Length, BitType<T>(), Source(source), Tag(tag), _handle, status));
        return Envelope<T>(status);
    }

    /// <inheritdoc/>
    public bool TryProbe<T>(int source, int tag, out MessageEnvelope message) where T : unmanaged
    {
        var status = stackalloc byte[MpiAbi.StatusBytes];
        var found = 0;
        MpiException.Check(MPI_Iprobe(Source(source), Tag(tag), _handle, &found, status), nameof(MPI_Iprobe));
        message = found != 0 ? Envelope<T>(status) : default;
        return found != 0;
    }

    /// <inheritdoc/>
    /// <remarks>Between looks it yields its core, so that a server costs its neighbours little.</remarks>
    public MessageEnvelope Probe<T>(int source, int tag) where T : unmanaged
    {
        var call = MpiCall.Enter("MPI_Probe");
        try
        {
            var wait = new SpinWait();
            MessageEnvelope message;
            while (!TryProbe<T>(source, tag, out message)) wait.SpinOnce(sleep1Threshold: -1);
            return message;
        }
        finally
        {
            call.Leave(0);
        }
    }

    private int Source(int source) => source == MessageEnvelope.AnySource ? _abi.AnySource : source;

    private int Tag(int tag) => tag == MessageEnvelope.AnyTag ? _abi.AnyTag : tag;

    private MessageEnvelope Envelope<T>(byte* status) where T : unmanaged
    {
        var count = 0;
        MpiException.Check(MPI_Get_count(status, BitType<T>(), &count), nameof(MPI_Get_count));
        return new MessageEnvelope(*(int*)(status + _abi.StatusSource), *(int*)(status + _abi.StatusTag), count);
    }
}
