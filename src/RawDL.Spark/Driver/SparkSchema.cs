using System.Globalization;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace RawDL.Spark;

/// <summary>Spark's column types as Arrow's (sql/api/src/main/scala/org/apache/spark/sql/util/ArrowUtils.scala).</summary>
internal static class SparkSchema
{
    /// <exception cref="SparkProtocolException">A type that Arrow batches of Spark do not carry.</exception>
    internal static Schema ToArrow(string json, string timeZone)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return new Schema(Fields(document.RootElement, timeZone), null);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new SparkProtocolException($"schema: expected Spark's JSON, got: {exception.Message}", exception);
        }
    }

    private static List<Field> Fields(JsonElement type, string timeZone) =>
        [.. type.GetProperty("fields").EnumerateArray().Select(field =>
            new Field(field.GetProperty("name").GetString(), Type(field.GetProperty("type"), timeZone), field.GetProperty("nullable").GetBoolean()))];

    private static IArrowType Type(JsonElement type, string timeZone)
    {
        if (type.ValueKind == JsonValueKind.String) return Simple(type.GetString()!, timeZone);
        switch (type.GetProperty("type").GetString())
        {
            case "struct":
                return new StructType(Fields(type, timeZone));
            case "array":
                return new ListType(new Field("element", Type(type.GetProperty("elementType"), timeZone), type.GetProperty("containsNull").GetBoolean()));
            case "map":
                return new MapType(new Field("key", Type(type.GetProperty("keyType"), timeZone), nullable: false),
                    new Field("value", Type(type.GetProperty("valueType"), timeZone), type.GetProperty("valueContainsNull").GetBoolean()));
            case "udt":
                return Type(type.GetProperty("sqlType"), timeZone);
            case var other:
                throw new SparkProtocolException($"schema: expected a type that Arrow knows, got {other}");
        }
    }

    private static IArrowType Simple(string name, string timeZone) => name switch
    {
        "boolean" => BooleanType.Default,
        "byte" => Int8Type.Default,
        "short" => Int16Type.Default,
        "integer" => Int32Type.Default,
        "long" => Int64Type.Default,
        "float" => FloatType.Default,
        "double" => DoubleType.Default,
        "string" => StringType.Default,
        "binary" => BinaryType.Default,
        "date" => Date32Type.Default,
        "timestamp" => new TimestampType(TimeUnit.Microsecond, timeZone),
        "timestamp_ntz" => new TimestampType(TimeUnit.Microsecond, (string?)null),
        _ when name.StartsWith("decimal(", StringComparison.Ordinal) && Decimal(name) is { } type => type,
        _ when name.StartsWith("varchar(", StringComparison.Ordinal) || name.StartsWith("char(", StringComparison.Ordinal) => StringType.Default,
        _ => throw new SparkProtocolException($"schema: expected a type that Arrow knows, got {name}"),
    };

    private static Decimal128Type? Decimal(string name) =>
        name["decimal(".Length..].TrimEnd(')').Split(',') is [var precision, var scale]
        && int.TryParse(precision, NumberStyles.None, CultureInfo.InvariantCulture, out var p) && int.TryParse(scale, NumberStyles.None, CultureInfo.InvariantCulture, out var s)
            ? new Decimal128Type(p, s)
            : null;
}
