using System.Buffers.Binary;

namespace RawDL.Spark;

/// <summary>Bytes that executors hold for tasks. Disposing it frees them everywhere; it is never used again afterwards.</summary>
public sealed class SparkBroadcast : IDisposable
{
    private readonly string _path;
    private bool _disposed;

    internal SparkBroadcast(SparkContext spark, ReadOnlySpan<byte> content)
    {
        _path = spark.TemporaryPath();
        try
        {
            using var holder = spark.IsEncrypted ? CreateEncrypted(spark, content) : CreatePlain(spark, content);
            Java = spark.Java.CallObject("broadcast", holder);
            Id = Java.Call("id").Long;
        }
        catch
        {
            File.Delete(_path);
            throw;
        }
    }

    /// <summary>The number by which tasks ask for it.</summary>
    public long Id { get; }

    internal JavaObject Java { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        try
        {
            Java.CallVoid("destroy", false);
        }
        catch (Exception gone) when (gone is JavaException or CommunicationException)
        {
            // The application ended meanwhile.
        }
        Java.Dispose();
        File.Delete(_path);
    }

    // The file stays until the broadcast is freed: in local mode tasks read this very one.
    private JavaObject CreatePlain(SparkContext spark, ReadOnlySpan<byte> content)
    {
        using (var file = SparkContext.Create(_path))
        {
            file.Write(Prefix(content.Length));
            file.Write(content);
        }
        return SetUp(spark);
    }

    // The JVM must write the file, as only it has the key.
    private JavaObject CreateEncrypted(SparkContext spark, ReadOnlySpan<byte> content)
    {
        var holder = SetUp(spark);
        using var server = holder.CallObject("setupEncryptionServer");
        if (server.Elements(2) is not [var address, var secret]) throw new SparkProtocolException("encryption: expected address and secret");
        using (var socket = LocalSocket.Open(address.Address, secret.TextOrNull, "encryption")) socket.SendChunked([.. Prefix(content.Length), .. content]);
        holder.CallVoid("waitTillDataReceived");
        return holder;
    }

    private JavaObject SetUp(SparkContext spark) => spark.Jvm.Static($"{SparkContext.PythonPackage}PythonRDD", "setupBroadcast", _path).Object;

    // An encrypted broadcast reaches the worker without a length.
    private static byte[] Prefix(long length)
    {
        var prefix = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(prefix, length);
        return prefix;
    }
}
