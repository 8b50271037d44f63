using System.Runtime.CompilerServices;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace RawDL.Tests;

/// <summary>Something that must hold for all values: held against random ones, always the same, and counted.</summary>
internal static class Law
{
    internal const int Cases = 200;
    private const ulong Seed = 20261126, Gamma = 0x9E3779B97F4A7C15;  // an odd number, as SplitMix asks for

    /// <summary>Draws cases and checks each; the first that throws is reported with its values.</summary>
    internal static void Holds<T>(Gen<T> cases, Action<T> check, int count = Cases, [CallerMemberName] string name = "")
    {
        Prop.ForAll(cases.ToArbitrary(), check).Check(Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(
            FSharpOption<Replay>.Some(new Replay(new Rnd(Seed, Gamma), FSharpOption<int>.None))).WithQuietOnSuccess(true));
        TestContext.Out.WriteLine($"{name}: {count} cases");
    }

    /// <summary>Whether code refuses its arguments, which it may only do in one line and by this exception.</summary>
    internal static bool Refuses<TException>(Action code) where TException : Exception
    {
        try
        {
            code();
            return false;
        }
        catch (TException e)
        {
            if (e.Message.Length == 0 || e.Message.AsSpan().ContainsAny('\r', '\n')) throw new InvalidOperationException($"expected one line, got: {e.Message}", e);
            return true;
        }
    }

    /// <summary>Whole numbers from −8 to 8, a function of the seed: their sums and products stay exact in float32.</summary>
    internal static float[] Numbers(int seed, int count)
    {
        var random = new Random(seed);
        var values = new float[count];
        foreach (ref var value in values.AsSpan()) value = random.Next(-8, 9);
        return values;
    }

    internal static int[] Bits(float[] values) => Array.ConvertAll(values, BitConverter.SingleToInt32Bits);
}
