using System.Buffers.Binary;

namespace RawDL.Spark;

public sealed partial class SparkContext
{
    /// <summary>A partition for each element. Elements travel with every task of every job, so they should be small: descriptors, not data.</summary>
    public Rdd Parallelize(params IReadOnlyList<byte[]> elements) => Parallelize(elements, elements.Count);

    /// <summary>Element k of n goes to partition i with i·n/<paramref name="partitions"/> ≤ k &lt; (i+1)·n/<paramref name="partitions"/>.</summary>
    public Rdd Parallelize(IReadOnlyList<byte[]> elements, int partitions)
    {
        using var list = List([.. elements.Select(e => (JavaValue)e)]);
        using var java = Java.CallObject("parallelize", list, partitions);
        return Rdd.Of(this, java);
    }

    /// <summary>As <see cref="Parallelize(IReadOnlyList{byte[]}, int)"/> for larger data, through a file instead of a command.</summary>
    /// <param name="elements">In order; read once.</param>
    /// <param name="partitions">Number of partitions.</param>
    public Rdd ParallelizeLarge(IEnumerable<ReadOnlyMemory<byte>> elements, int partitions)
    {
        var path = TemporaryPath();
        try
        {
            using (var file = Create(path))
            {
                Span<byte> length = stackalloc byte[4];
                foreach (var element in elements)
                {
                    BinaryPrimitives.WriteInt32BigEndian(length, element.Length);
                    file.Write(length);
                    file.Write(element.Span);
                }
            }
            using var java = Jvm.Static($"{PythonPackage}PythonRDD", "readRDDFromFile", Java, path, partitions).Object;
            return Rdd.Of(this, java);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>The lines of text files, as UTF-8.</summary>
    public Rdd TextFile(string path, int minimumPartitions)
    {
        using var java = Java.CallObject("textFile", path, minimumPartitions);
        return Rdd.Of(this, java);
    }

    /// <summary>Whole files: two frames each, the path as UTF-8 and the content.</summary>
    public Rdd BinaryFiles(string path, int minimumPartitions)
    {
        using var java = Java.CallObject("binaryFiles", path, minimumPartitions);
        return Rdd.Of(this, java);
    }

    /// <summary>Files of records of one size.</summary>
    /// <param name="path">Files or folders.</param>
    /// <param name="recordBytes">Size of a record.</param>
    public Rdd BinaryRecords(string path, int recordBytes)
    {
        using var java = Java.CallObject("binaryRecords", path, recordBytes);
        return Rdd.Of(this, java);
    }

    /// <summary>Sends bytes to every executor that needs them, once. At most 2 GB.</summary>
    public SparkBroadcast Broadcast(ReadOnlySpan<byte> content) => new(this, content);

    /// <summary>Sums over the executors instead of the driver: each level is a shuffle into fewer partitions and a task on each of them.</summary>
    /// <param name="pairs">Its tasks write pairs (<see cref="TaskOutput.WritePair(long, ReadOnlySpan{byte})"/>); the key modulo <paramref name="levels"/>[0] says where a value goes.</param>
    /// <param name="levels">Partitions of each level, the last one mostly 1.</param>
    /// <param name="merge">
    /// The task of a level, by its index. It gets the values of its partition in any order: sort them by an index inside before floats are added. All but
    /// the last level's write pairs again.
    /// </param>
    public static Rdd TreeAggregate(Rdd pairs, IReadOnlyList<int> levels, Func<int, SparkCall> merge)
    {
        var result = pairs;
        for (var level = 0; level < levels.Count; level++)
        {
            var below = result;
            using (var values = below.Shuffle(levels[level])) result = values.Map(merge(level));
            if (level > 0) below.Dispose();
        }
        return result;
    }

    /// <summary>A file that only this user can read.</summary>
    internal static FileStream Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 1 << 16 };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new FileStream(path, options);
    }
}
