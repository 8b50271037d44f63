namespace RawDL.Spark;

/// <summary>A distributed collection of byte blocks. Nothing runs before an action (<see cref="Collect"/>, <see cref="Count"/>). Disposing it frees the JVM's reference, not what it has cached.</summary>
public sealed class Rdd : IDisposable
{
    private const string PythonRdd = $"{SparkContext.PythonPackage}PythonRDD";
    private readonly SparkContext _spark;

    internal Rdd(SparkContext spark, JavaObject scala) => (_spark, Scala) = (spark, scala);

    internal JavaObject Scala { get; }

    /// <summary>Number of partitions.</summary>
    public int Partitions => Scala.Call("getNumPartitions").Int;

    /// <summary>The stages behind it, as Spark writes them.</summary>
    public string Lineage => Scala.Call("toDebugString").Text;

    /// <summary>A task on each partition.</summary>
    public Rdd Map(SparkCall call)
    {
        using var function = _spark.Function(call);
        return new Rdd(_spark, _spark.Jvm.New(PythonRdd, Scala, function, false, call.Stage == SparkStage.Barrier));
    }

    /// <summary>
    /// Keeps partitions in the executors, in memory and on their disks, from the first action on. Then its origin is cut off, so that neither the elements
    /// of the driver nor their files are sent again; a partition that is lost with its executor fails the jobs that need it.
    /// </summary>
    public Rdd PersistLocally()
    {
        Persist();
        Scala.CallVoid("localCheckpoint");
        return this;
    }

    /// <summary>Keeps partitions in the executors, in memory and on their disks. A partition that is lost is computed again.</summary>
    public Rdd Persist()
    {
        using var level = _spark.Jvm.Static("org.apache.spark.storage.StorageLevel", "MEMORY_AND_DISK").Object;
        Scala.CallVoid("persist", level);
        return this;
    }

    /// <summary>Frees what <see cref="Persist"/> keeps.</summary>
    public void Unpersist() => Scala.CallVoid("unpersist", false);

    /// <summary>Names it in Spark's UI.</summary>
    public Rdd Named(string name)
    {
        Scala.CallVoid("setName", name);
        return this;
    }

    /// <summary>Fewer partitions without a shuffle. Tasks below run in the new partitions too, so cache their results first.</summary>
    public Rdd Coalesce(int partitions)
    {
        using var java = Scala.CallObject("toJavaRDD");
        using var fewer = java.CallObject("coalesce", partitions, false);
        return Of(_spark, fewer);
    }

    /// <summary>The values of pairs (<see cref="TaskOutput.WritePair(long, ReadOnlySpan{byte})"/>), each in the partition of its key modulo <paramref name="partitions"/>, in any order.</summary>
    public Rdd Shuffle(int partitions)
    {
        using var pairs = _spark.Jvm.New($"{SparkContext.PythonPackage}PairwiseRDD", Scala);
        using var java = pairs.CallObject("asJavaPairRDD");
        using var partitioner = _spark.Jvm.New($"{SparkContext.PythonPackage}PythonPartitioner", partitions, 0L);
        using var placed = java.CallObject("partitionBy", partitioner);
        using var values = _spark.Jvm.Static(PythonRdd, "valueOfPair", placed).Object;
        return Of(_spark, values);
    }

    /// <summary>The number of elements. No element leaves the executors.</summary>
    public long Count() => Scala.Call("count").Long;

    /// <summary>All elements, in the order of partitions. An element that is null becomes null.</summary>
    public List<byte[]?> Collect()
    {
        using var served = Serve();
        return served.ToList();
    }

    /// <summary>Runs the job, then gives its elements one after another.</summary>
    public ServedFrames Serve() => new(_spark.Jvm.Static(PythonRdd, "collectAndServe", Scala));

    /// <summary>As <see cref="Serve()"/> for some partitions, in the order that is given. Not for barrier stages.</summary>
    public ServedFrames Serve(params ReadOnlySpan<int> partitions)
    {
        var numbers = new JavaValue[partitions.Length];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = partitions[i];
        using var list = _spark.List(numbers);
        using var java = Scala.CallObject("toJavaRDD");
        return new ServedFrames(_spark.Jvm.Static(PythonRdd, "runJob", _spark.Scala, java, list));
    }

    /// <inheritdoc/>
    public void Dispose() => Scala.Dispose();

    /// <summary>From a JavaRDD or JavaPairRDD.</summary>
    internal static Rdd Of(SparkContext spark, JavaObject java) => new(spark, java.CallObject("rdd"));
}
