namespace RawDL.NN;

/// <summary>Runs a configuration on every rank: as a trainer, or where <see cref="SynchronizationKind.Downpour"/> wants it as a parameter server.</summary>
public static class DistributedTraining
{
    /// <summary>
    /// Every rank calls it. With downpour the last <see cref="SynchronizationOptions.Servers"/> ranks serve, the others train; one that fails, other than rank 0, leaves with
    /// <see cref="RankOutcome.Failure"/> when the others have finished without it.
    /// </summary>
    /// <param name="configuration">The same on all ranks.</param>
    /// <param name="data">The same on all ranks.</param>
    /// <param name="options">This rank's.</param>
    /// <param name="cancel">As in <see cref="Trainer.Run"/>. With downpour every client heeds its own, and that of rank 0 stops all.</param>
    /// <exception cref="ConfigurationException">The configuration does not fit the data or the number of ranks.</exception>
    /// <exception cref="Exception">What <see cref="Trainer(TrainingConfiguration, DatasetPair, TrainerOptions)"/> and <see cref="Trainer.Run"/> throw.</exception>
    public static RankOutcome Run(TrainingConfiguration configuration, DatasetPair data, TrainerOptions options, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(options);
        if (configuration.Synchronization.Kind == SynchronizationKind.Downpour && options.Rounds is null) return RunDownpour(configuration, data, options, cancel);
        using var trainer = new Trainer(configuration, data, options);
        var result = trainer.Run(cancel);
        return new RankOutcome(result.Status, result, null);
    }

    /// <summary>Can so many ranks run it? Says so before anything is made.</summary>
    /// <exception cref="ConfigurationException">They cannot.</exception>
    public static void Require(TrainingConfiguration configuration, int ranks)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var (kind, servers) = (configuration.Synchronization.Kind, configuration.Synchronization.Servers);
        if (kind == SynchronizationKind.Downpour && ranks <= servers)
            throw new ConfigurationException($"synchronization: downpour: expected {servers + 1L} ranks or more for {servers} server{(servers == 1 ? "" : "s")} and a client, got {ranks}; start them by mpiexec -n or --workers.");
    }

    private static RankOutcome RunDownpour(TrainingConfiguration configuration, DatasetPair data, TrainerOptions options, CancellationToken cancel)
    {
        var (synchronization, world) = (configuration.Synchronization, options.Communicator);
        Require(configuration, world.Size);
        var clients = world.Size - synchronization.Servers;
        Handshake.Check(world, configuration);
        var isServer = world.Rank >= clients;
        var replicas = world.Split(isServer ? 1 : 0, world.Rank);
        if (isServer) return new RankOutcome(ParameterServer.Serve(world, synchronization), null, null);

        DownpourClient? client = null;
        using var trainer = new Trainer(configuration, data, options with
        {
            Communicator = replicas,
            Strategy = (model, optimizer) => client = new DownpourClient(synchronization, world, model, optimizer),
            // The timeline is that of client 0.
            Trace = world.Rank == 0 ? options.Trace : null,
        });
        try
        {
            var result = trainer.Run(cancel);
            return new RankOutcome(world.Rank == 0 ? result.Status : client!.Status, client!.IsLost ? null : result,
                client.IsLost ? new CommunicationException($"downpour: expected the servers to hear of client {world.Rank} in time, got it taken for dead; a longer client_timeout may help") : null);
        }
        catch (Exception e) when (world.Rank > 0 && e is not CommunicationException)
        {
            client!.Leave(e.Message);
            return new RankOutcome(client.Status, null, e);
        }
    }
}
