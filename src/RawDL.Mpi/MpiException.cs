using System.Text;
using static RawDL.Mpi.MpiFunctions;

namespace RawDL.Mpi;

/// <summary>An MPI call failed, or MPI cannot be used here. The message names the call and holds MPI's own text, in one line.</summary>
public sealed class MpiException : CommunicationException
{
    private const int TextBytes = 1024;  // MPI_MAX_ERROR_STRING is 256 or 512.

    internal MpiException(string message) : base(message) => Call = "";

    internal MpiException(string call, int code, int errorClass, string text) : base($"{call}: {OneLine(code, text)}")
    {
        Call = call;
        Code = code;
        ErrorClass = errorClass;
    }

    /// <summary>The failed function, such as <c>MPI_Allreduce</c>; empty if no call was made.</summary>
    public string Call { get; }

    /// <summary>What the function returned. Its meaning is the library's own.</summary>
    public int Code { get; }

    /// <summary>The library's number for the kind of error (MPI_Error_class).</summary>
    public int ErrorClass { get; }

    internal static void Check(int code, string call)
    {
        if (code != 0) throw Create(code, call);
    }

    private static unsafe MpiException Create(int code, string call)
    {
        var text = stackalloc byte[TextBytes];
        int length = 0, errorClass = 0;
        if (MPI_Error_string(code, text, &length) != 0) length = 0;
        if (MPI_Error_class(code, &errorClass) != 0) errorClass = 0;
        return new MpiException(call, code, errorClass, Encoding.UTF8.GetString(text, length));
    }

    /// <summary>MPICH writes its call stack in several lines.</summary>
    private static string OneLine(int code, string text)
    {
        var lines = text.Split(['\n', '\0'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length == 0 ? $"error {code}" : string.Join("; ", lines);
    }
}
