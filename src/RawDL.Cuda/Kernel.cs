namespace RawDL.Cuda;

/// <summary>One entry point of a loaded module.</summary>
/// <param name="Function">The driver's handle.</param>
/// <param name="Threads">Threads of a block, as the source declares them: a block is one row.</param>
/// <param name="Name">As in the source.</param>
internal readonly record struct Kernel(nint Function, int Threads, string Name);

/// <summary>Blocks of a launch, each at least 1.</summary>
internal readonly record struct Grid(int X, int Y = 1, int Z = 1);
