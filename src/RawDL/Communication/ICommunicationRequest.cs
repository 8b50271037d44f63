namespace RawDL;

/// <summary>An operation that goes on while its rank computes. Its values belong to it until it is done; every request is waited for.</summary>
public interface ICommunicationRequest
{
    /// <summary>Drives the operation a little and tells whether it is done. Many libraries move data only inside such calls.</summary>
    bool Test();

    /// <summary>Returns when the operation is done.</summary>
    void Wait();
}
