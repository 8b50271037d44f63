using System.Net;
using System.Text;
using System.Text.Json;
using RawDL.NN;

namespace RawDL.Spark;

/// <summary>What a task tells all others in the one meeting of the stage.</summary>
/// <param name="Node">Tasks with the same key may share memory.</param>
/// <param name="Lack">Why the task cannot start its rank, or null.</param>
/// <param name="Manager">Where task 0 serves the world; null from the others.</param>
/// <param name="Token">What it asks for.</param>
internal sealed record RankFacts(string Node, string? Lack, IPEndPoint? Manager, string? Token)
{
    internal string Encode() => Encoding.UTF8.GetString(JsonBytes.Of(json =>
    {
        json.WriteStartObject();
        json.WriteString("node", Node);
        json.WriteString("lack", Lack);
        json.WriteString("manager", Manager?.ToString());
        json.WriteString("token", Token);
        json.WriteEndObject();
    }));

    internal static RankFacts Decode(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            var manager = root.GetProperty("manager").GetString();
            return new RankFacts(root.GetProperty("node").GetString() ?? "", root.GetProperty("lack").GetString(), manager is null ? null : IPEndPoint.Parse(manager), root.GetProperty("token").GetString());
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new SparkProtocolException($"ranks: expected the facts of a task, got: {exception.Message}", exception);
        }
    }
}
