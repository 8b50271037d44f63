using System.Globalization;
using RawDL.Peers;

// compare ROUNDS [GROUP ...] | SIDE FILE, a side that answers the requests of its standard input: see ../../README.md.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    case ["compare", var rounds, .. var groups]:
        using (var comparison = new Comparison(int.Parse(rounds)))
            comparison.Run(groups);
        return 0;
    case [var name, var file]:
        return Answers.Serve(() => Side.Open(name, file));
    default:
        Console.Error.WriteLine("usage: compare ROUNDS [sgemm] [training] [inference] [layers] [scaling]");
        return 2;
}
