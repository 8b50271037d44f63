namespace RawDL.NN;

/// <summary>A thing that a configuration chooses by name and sets up by numbers.</summary>
internal interface IConfigured
{
    string Name { get; }

    IReadOnlyList<(string Name, float Value)> Options { get; }
}
