namespace RawDL.NN;

/// <summary>A configuration that cannot be used: an unknown key, a value out of range, a layer that does not fit. One line that names the place.</summary>
public sealed class ConfigurationException : Exception
{
    /// <summary>Creates the exception with one line.</summary>
    public ConfigurationException(string message, Exception? inner = null) : base(message, inner) { }
}
