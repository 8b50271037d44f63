namespace RawDL.Spark;

/// <summary>What travels between rank 0's task and the driver; a number in front of each message.</summary>
internal enum RankMessage
{
    /// <summary>To the driver: a line of progress. Text.</summary>
    Line = 1,

    /// <summary>To the driver: a whole file. Name, length, bytes.</summary>
    File = 2,

    /// <summary>To the driver: more of a file that grows. Name, offset, block.</summary>
    Append = 3,

    /// <summary>To the driver: what rank 0 wrote to its standard output. Block.</summary>
    Result = 4,

    /// <summary>To the driver: that was all.</summary>
    Done = 5,

    /// <summary>From the driver: the token is right.</summary>
    Welcome = 6,

    /// <summary>From the driver: end in order.</summary>
    Stop = 7,

    /// <summary>From the driver: all is written, durably.</summary>
    Kept = 8,
}
