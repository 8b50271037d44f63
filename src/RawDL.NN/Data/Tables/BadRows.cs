namespace RawDL.NN;

/// <summary>What becomes of a row of a table that is no sample: without a value, of another size, of no class.</summary>
public enum BadRows
{
    /// <summary>Reading fails, and the row is named.</summary>
    Fail,

    /// <summary>It is left out and counted.</summary>
    LeaveOut,
}
