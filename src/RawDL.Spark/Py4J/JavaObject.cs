namespace RawDL.Spark;

/// <summary>An object of the JVM that the gateway holds for us until this is disposed.</summary>
internal sealed class JavaObject : IDisposable
{
    private readonly Ownership _ownership;
    private bool _disposed;

    internal JavaObject(Py4JConnection connection, string id, Ownership ownership = Ownership.Own) => (Connection, Id, _ownership) = (connection, id, ownership);

    internal enum Ownership
    {
        Own,
        Borrow,
    }

    internal Py4JConnection Connection { get; }

    internal string Id { get; }

    internal JavaValue Call(string method, params ReadOnlySpan<JavaValue> arguments) => Connection.Call(Target, method, arguments);

    /// <summary>A call whose result is an object.</summary>
    internal JavaObject CallObject(string method, params ReadOnlySpan<JavaValue> arguments) => Connection.Call(Target, method, arguments).Object;

    /// <summary>A call whose result does not matter, such as a setter that returns its object.</summary>
    internal void CallVoid(string method, params ReadOnlySpan<JavaValue> arguments)
    {
        var result = Connection.Call(Target, method, arguments);
        if (result.Kind is JavaKind.Reference or JavaKind.Array or JavaKind.List or JavaKind.Set or JavaKind.Map or JavaKind.Iterator) result.Object.Dispose();
    }

    /// <summary>All elements of an array. The caller disposes those that are objects.</summary>
    internal JavaValue[] Elements() => ArrayLength is var count and > 0 ? Connection.ArrayElements(Target, count) : [];

    /// <summary>The first elements of an array.</summary>
    internal JavaValue[] Elements(int count) => Connection.ArrayElements(Target, count);

    /// <summary>The number of elements of an array.</summary>
    internal int ArrayLength => Connection.ArrayLength(Target);

    /// <summary>The same object, spoken to over another connection, which is another thread of the JVM. The owner stays the owner.</summary>
    internal JavaObject On(Py4JConnection connection) => new(connection, Target, Ownership.Borrow);

    /// <summary>The id, if the gateway still holds it.</summary>
    internal string Target => _disposed ? throw new ObjectDisposedException(nameof(JavaObject)) : Id;

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        if (_ownership == Ownership.Own) Connection.Release(Id);
    }
}
