namespace RawDL.NN;

/// <summary>The kinds of message between clients and parameter servers, as their tags. The layout of each is that of <see cref="DownpourHeader"/> and what follows it.</summary>
internal enum DownpourTag
{
    /// <summary>Client 0 to a server, before all else: the server's part of the parameters, then of their squares if the rule keeps any. Version is the number of parameters of all servers.</summary>
    Initialize = 1,

    /// <summary>Client 0 to a server: the warm start is over, the others may begin.</summary>
    Go,

    /// <summary>Client to server: asks for <see cref="Parameters"/>; those of other clients are answered after <see cref="Go"/>.</summary>
    Fetch,

    /// <summary>Client 0 to server: asks for <see cref="Parameters"/> when no other client is at work any more.</summary>
    FetchLast,

    /// <summary>Server to client: its part of the parameters. Version counts the pushes of other clients in them; samples and loss sum are those of all pushes.</summary>
    Parameters,

    /// <summary>Client to server: its part of the sum of gradients since the client's last push. Version is that of the parameters with which the first of them was made; the rest of the
    /// header is what the client did since its last push.</summary>
    Push,

    /// <summary>Client 0 to server, without values, and back: the server's part of AdaGrad's sums.</summary>
    Squares,

    /// <summary>Client to server, not from client 0: it has pushed its last; the header is what it did since.</summary>
    Done,

    /// <summary>Client to server, not from client 0: it failed and sends no more. UTF-8 text says why, filled up with zeros to whole float32.</summary>
    Leave,

    /// <summary>Client 0 to server: the others shall stop.</summary>
    StopOthers,

    /// <summary>Server to client: stop. Version is 1 where the client was taken for dead, 0 else.</summary>
    Stop,

    /// <summary>Client 0 to server, its last: the run is over. Version is 1 where it was interrupted, 0 else.</summary>
    Shutdown,

    /// <summary>Server to client 0, its last: doubles that count pushes by staleness, as many as Samples says; five doubles of each client, its samples, seconds of computing, waiting and
    /// moving data, and bytes; UTF-8 text with a line for each lost client, its number, a blank and why. Version counts the pushes.</summary>
    Report,

    /// <summary>Server to the other clients, its last: nothing more will come. Version as in <see cref="Shutdown"/>.</summary>
    End,
}
