namespace RawDL.Cli;

/// <summary>What rawdl needs beside the heap of an executor's JVM.</summary>
internal static class SubmitMemory
{
    /// <summary>In words, for a container's overhead.</summary>
    public const string Formula = "it needs about 200 MiB + the data's bytes + cores x (10 x the parameters' bytes + the activations of a batch)";
}
