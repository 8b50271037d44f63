using System.Reflection;
using System.Runtime.InteropServices;

namespace RawDL.Cli;

/// <summary>Which program this is and where it runs.</summary>
internal static class ProgramVersion
{
    public static string Number { get; } =
        typeof(ProgramVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    public static string Text => $"rawdl {Number}";

    public static string Platform => $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}";
}
