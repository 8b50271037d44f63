namespace RawDL.NN.Tests;

/// <summary>What a test needs beside the program. Where it is missing the test is ignored with the reason, or fails when RAWDL_REQUIRE names it.</summary>
internal static class Required
{
    internal static void Missing(string name, string reason)
    {
        if ((Environment.GetEnvironmentVariable("RAWDL_REQUIRE") ?? "").Split(',').Contains(name)) Assert.Fail(reason);
        Assert.Ignore(reason);
    }

    /// <summary>The files of MNIST.</summary>
    internal static DatasetPair Mnist()
    {
        var options = new DataOptions { Download = false };
        if (Datasets.Find(Datasets.Catalog.Single(source => source.Name == "mnist"), options) is null) Missing("mnist", "needs the files of MNIST in $RAWDL_DATA/mnist");
        return Datasets.Open("mnist", options);
    }
}
