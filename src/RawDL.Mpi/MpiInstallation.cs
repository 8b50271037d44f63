namespace RawDL.Mpi;

/// <summary>The MPI library that this process would use.</summary>
/// <param name="Path">The name it is loaded by.</param>
/// <param name="Version">The first line of what it says of itself, such as <c>Open MPI v4.1.4, package: …</c>.</param>
/// <param name="Flavor">Its binary interface.</param>
public sealed record MpiInstallation(string Path, string Version, MpiFlavor Flavor)
{
    /// <summary>Finds and loads it, without starting MPI.</summary>
    /// <exception cref="MpiException">There is none; the message says how to install one.</exception>
    public static MpiInstallation Find() => Find(MpiLauncher.Detect()?.Family);

    /// <summary>As the short form, for a launcher whose family is known.</summary>
    /// <param name="family">Libraries of this family are tried first.</param>
    public static MpiInstallation Find(MpiFlavor? family)
    {
        var library = MpiLibrary.Load(family);
        return new MpiInstallation(library.Path, library.Version, library.Abi.Flavor);
    }
}
