// One rank. Arguments: CASE [anything that makes the process easy to find]. Rank 0 prints; a failed check throws.
using System.Globalization;
using RawDL.Mpi;
using RawDL.MpiRank;

// The checks run collectives on two threads at once; failures end as well at the level that a training asks for.
var level = args[0] == "checks" ? MpiThreadLevel.Multiple : new MpiOptions().ThreadLevel;
return Mpi.Run(new MpiOptions { ThreadLevel = level }, world =>
{
    switch (args[0])
    {
        case "checks":
            new CollectiveChecks(world).Run();
            new MessageChecks(world).Run();
            new RuntimeChecks(world).Run();
            var binding = world as MpiCommunicator;
            if (binding is not null) new BindingChecks(binding).Run();
            var through = binding is null ? world.GetType().Name : string.Create(CultureInfo.InvariantCulture, $"{binding.Flavor}, {binding.ThreadLevel}, {binding.LibraryVersion}");
            if (world.Rank == 0) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ok: {world.Size} ranks, {through}"));
            return 0;
        case "agreed": return Failures.Agreed(world);
        default:
            return Failures.Run(args[0], world);
    }
});
