using RawDL.NN;

namespace RawDL.Cli;

/// <summary>Copies a run's folder whenever the run has committed something, before anybody is told.</summary>
internal sealed class MirroredEvents(RemoteFolder folder, IRunEvents? events) : IRunEvents
{
    public void Started(RunStart start)
    {
        folder.Mirror();
        events?.Started(start);
    }

    public void Stepped(in StepProgress progress) => events?.Stepped(progress);

    public void EpochEnded(EpochProgress epoch) => events?.EpochEnded(epoch);

    public void Evaluated(int epoch, long step, Evaluation evaluation, bool best)
    {
        folder.Mirror();
        events?.Evaluated(epoch, step, evaluation, best);
    }

    public void CheckpointSaved(string path, long step)
    {
        folder.Mirror();
        events?.CheckpointSaved(path, step);
    }

    public void Warned(string message) => events?.Warned(message);

    public void Finished(TrainerResult result)
    {
        folder.Mirror();
        events?.Finished(result);
    }
}
