namespace RawDL;

/// <summary>What a test needs beside the program. Where it is missing the test is ignored with the reason, or fails when RAWDL_REQUIRE names it.</summary>
internal static partial class Required
{
    internal static void Missing(string name, string reason)
    {
        if ((Environment.GetEnvironmentVariable("RAWDL_REQUIRE") ?? "").Split(',').Contains(name)) Assert.Fail(reason);
        Assert.Ignore(reason);
    }
}
