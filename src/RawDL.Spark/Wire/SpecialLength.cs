namespace RawDL.Spark;

/// <summary>Numbers that stand where a length is expected (core/src/main/scala/org/apache/spark/api/python/PythonRunner.scala, SpecialLengths).</summary>
internal static class SpecialLength
{
    internal const int EndOfData = -1, Exception = -2, Timing = -3, EndOfStream = -4, Null = -5, ArrowStream = -6, FramedHeader = -8;
}
