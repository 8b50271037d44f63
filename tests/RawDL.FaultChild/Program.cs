// Two modes:
//   loop PATH                  saves step 1, 2, 3, … to PATH until killed, and prints each step after its save has returned;
//   once PATH TEMPORARY STEP   saves one step through a temporary file of this name, so that a tracer can watch it; exits 74 on an I/O error.
using System.Globalization;
using RawDL;
using RawDL.NN;

switch (args)
{
    case ["loop", var path]:
        var first = File.Exists(path) ? int.Parse(SafetensorsFile.Read(path).Metadata["rawdl.step"], CultureInfo.InvariantCulture) + 1 : 1;
        for (var step = first; ; step++)
        {
            SafetensorsFile.Write(path, [Weights(step)], Metadata(step));
            Console.Out.WriteLine(step);
        }
    case ["once", var path, var temporary, var text]:
        try
        {
            var step = int.Parse(text, CultureInfo.InvariantCulture);
            var bytes = SafetensorsFile.ToBytes([Weights(step)], Metadata(step));
            // In pieces below the buffer's size, so that several system calls write the file.
            Durable.Write(path, temporary, stream =>
            {
                foreach (var piece in bytes.Chunk(40_000)) stream.Write(piece);
            }, bytes.Length);
            return 0;
        }
        catch (IOException e)
        {
            Console.Error.WriteLine(e.Message);
            return 74;
        }
    default:
        Console.Error.WriteLine("expected: loop PATH, or once PATH TEMPORARY STEP");
        return 2;
}

// 200 kB.
static SafetensorsTensor Weights(int step)
{
    var values = new float[50_000];
    for (var i = 0; i < values.Length; i++) values[i] = step + (i * 0.001f);
    return SafetensorsTensor.Create("w", new Shape(values.Length), values);
}

static Dictionary<string, string> Metadata(int step) => new() { ["rawdl.step"] = step.ToString(CultureInfo.InvariantCulture) };
