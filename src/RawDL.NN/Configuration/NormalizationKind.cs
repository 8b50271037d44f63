namespace RawDL.NN;

/// <summary>What is done to the samples before the network sees them; the numbers come from the training data and belong to the model.</summary>
public enum NormalizationKind
{
    /// <summary>Mean 0 and standard deviation 1 per channel.</summary>
    Standard,

    /// <summary>Nothing.</summary>
    None,
}
