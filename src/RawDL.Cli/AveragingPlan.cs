using System.Text.Json;
using static System.FormattableString;

namespace RawDL.Cli;

/// <summary>What a number of ranks reaches with each averaging period. All times in seconds.</summary>
/// <param name="Ranks">N.</param>
/// <param name="Samples">Of a step of one rank.</param>
/// <param name="Step">A step of one rank without communication.</param>
/// <param name="Backward">The backward pass of it.</param>
/// <param name="RoundBytes">What a rank brings into an average.</param>
/// <param name="Round">The allreduce of it and the meeting before it.</param>
/// <param name="GradientBytes">What a rank brings into a sum of gradients.</param>
/// <param name="Gradient">The allreduce of it.</param>
/// <param name="Meeting">A small message between all ranks.</param>
internal sealed record AveragingPlan(int Ranks, int Samples, double Step, double Backward, long RoundBytes, double Round, long GradientBytes, double Gradient, double Meeting)
{
    private static readonly int[] Periods = [1, 2, 5, 10, 20, 50, 100, 200];

    /// <summary>Images per second of a rank alone, as fast as one of the ranks that share a machine.</summary>
    private double Alone => Samples / Step;

    /// <summary>The step of gradient allreduce: the sum goes on under the backward pass, what is left of it is waited for, and the ranks meet.</summary>
    private double GradientStep => Step + Math.Max(0, Gradient - Backward) + Meeting;

    /// <summary>Communication's part of the time: c / (k·s + c).</summary>
    public double Share(long period) => Round / (period * Step + Round);

    /// <summary>The smallest period whose share is below the given one: k &gt; c·(1 − p) / (p·s).</summary>
    public long Recommend(double share)
    {
        var period = Math.Max(1, (long)Math.Floor(Round * (1 - share) / (share * Step)));
        while (Share(period) >= share) period++;
        return period;
    }

    /// <summary>Whether averaging every k steps beats gradients each step: t_allreduce·(1 − 1/k) &gt; t_backward. Source: fairscale's rule for local averaging.</summary>
    public bool BeatsGradients(long period) => Gradient * (1 - 1.0 / period) > Backward;

    public void WriteJson(Utf8JsonWriter json, double share)
    {
        var recommended = Recommend(share);
        json.WriteNumber("ranks", Ranks);
        json.WriteNumber("samples_per_step", Samples);
        json.WriteNumber("step_seconds", Step);
        json.WriteNumber("backward_seconds", Backward);
        json.WriteNumber("round_bytes", RoundBytes);
        json.WriteNumber("round_seconds", Round);
        json.WriteNumber("gradient_bytes", GradientBytes);
        json.WriteNumber("gradient_seconds", Gradient);
        json.WriteNumber("meeting_seconds", Meeting);
        json.WriteStartArray("periods");
        foreach (var period in Periods)
        {
            json.WriteStartObject();
            json.WriteNumber("period", period);
            json.WriteNumber("bytes_per_step", (double)RoundBytes / period);
            json.WriteNumber("communication_seconds_per_step", Round / period);
            json.WriteNumber("share", Share(period));
            json.WriteNumber("images_per_second", ImagesPerSecond(Step + Round / period));
            json.WriteNumber("speedup", ImagesPerSecond(Step + Round / period) / Alone);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartObject("gradients");
        json.WriteNumber("bytes_per_step", GradientBytes);
        json.WriteNumber("communication_seconds_per_step", GradientStep - Step);
        json.WriteNumber("share", 1 - Step / GradientStep);
        json.WriteNumber("images_per_second", ImagesPerSecond(GradientStep));
        json.WriteNumber("speedup", ImagesPerSecond(GradientStep) / Alone);
        json.WriteEndObject();
        json.WriteNumber("share_limit", share);
        json.WriteNumber("recommended_period", recommended);
        json.WriteBoolean("gradients_pay", !BeatsGradients(recommended));
    }

    public void Write(TextWriter text, double share)
    {
        text.WriteLine(Invariant($"Step:     {1e3 * Step:f2} ms for {Samples} images on each of {Ranks} ranks, {1e3 * Backward:f2} ms of it backward"));
        text.WriteLine(Invariant($"Link:     {1e3 * Round:f3} ms for an average of {RoundBytes / 1e6:f2} MB, {1e3 * Gradient:f3} ms for gradients of {GradientBytes / 1e6:f2} MB, {1e6 * Meeting:f1} us for a small message"));
        text.WriteLine();
        var table = new TextTable("period", ">MB/step", ">communication ms/step", ">share", ">images/s", ">speed-up");
        foreach (var period in Periods) Add($"{period}", RoundBytes / (double)period, Round / period);
        table.Add();
        Add("gradients", GradientBytes, GradientStep - Step);
        table.Write(text);
        var recommended = Recommend(share);
        text.WriteLine(Invariant($"Speed-up: against one rank with the processors that each has here; accuracy is not foreseen, and longer periods may cost some."));
        text.WriteLine(Invariant($"Average:  --sync average --period {recommended} spends {Share(recommended):P1} of the time in communication, the smallest period below {share:P0}."));
        text.WriteLine(Invariant($"Gradient: {1e3 * Gradient:f3} ms x (1 - 1/{recommended}) = {1e3 * Gradient * (1 - 1.0 / recommended):f3} ms of allreduce against {1e3 * Backward:f3} ms of backward pass to hide it under: ")
            + (BeatsGradients(recommended) ? "averaging pays, gradients each step do not." : "gradients each step (--sync gradients) pay too."));

        void Add(string name, double bytes, double seconds) => table.Add(name, Invariant($"{bytes / 1e6:f3}"), Invariant($"{1e3 * seconds:f3}"),
            Invariant($"{seconds / (Step + seconds):P1}"), Invariant($"{ImagesPerSecond(Step + seconds):N0}"), Invariant($"{ImagesPerSecond(Step + seconds) / Alone:f2}"));
    }

    private double ImagesPerSecond(double step) => Ranks * Samples / step;
}
