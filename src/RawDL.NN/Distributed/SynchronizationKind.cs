namespace RawDL.NN;

/// <summary>How ranks become one training.</summary>
public enum SynchronizationKind
{
    /// <summary>Each rank trains a replica; every so many steps all take the average of their parameters.</summary>
    Average,

    /// <summary>Every step takes the mean gradient over all ranks.</summary>
    Gradients,

    /// <summary>Replicas push gradients to parameter servers and fetch parameters from them, each at its own pace.</summary>
    Downpour,
}

/// <summary>What becomes of the optimizer's states where parameters are averaged.</summary>
public enum UpdaterState
{
    /// <summary>Averaged like the parameters.</summary>
    Average,

    /// <summary>Each rank keeps its own.</summary>
    Keep,

    /// <summary>Set to 0.</summary>
    Reset,
}

/// <summary>The numbers in which gradients travel; sums are made in float32.</summary>
public enum WireFormat
{
    /// <summary>As they are.</summary>
    Float32,

    /// <summary>The upper half of a float32, rounded to nearest even: 8 bits of exponent, 7 of mantissa.</summary>
    BFloat16,

    /// <summary>IEEE 754 binary16; beyond 65,504 it overflows to infinity, which ends the run as diverged.</summary>
    Float16,
}

/// <summary>How gradients are made smaller; what is not sent stays behind and is added to the next ones (error feedback).</summary>
public enum GradientCompression
{
    /// <summary>All of each gradient is sent.</summary>
    None,

    /// <summary>Elements beyond a threshold are sent as plus or minus that threshold. Source: Strom, Interspeech 2015.</summary>
    Threshold,

    /// <summary>One bit per element and two values per parameter. Source: Seide et al., Interspeech 2014.</summary>
    OneBit,
}
