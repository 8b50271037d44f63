namespace RawDL.NN;

/// <summary>
/// Random changes of training images, all in one bilinear resampling. What happens to a sample is a function of (seed, epoch, sample index)
/// alone: the same for any batch size, number of ranks and after a resume. Outside the image is 0.
/// </summary>
/// <param name="Shift">Largest translation per axis in pixels, drawn uniformly; whole pixels, rounded down, when nothing else changes.</param>
/// <param name="Rotation">Largest turn either way in degrees, 0 to 180.</param>
/// <param name="Scale">Largest change of size as a fraction of it, below 1; both axes alike.</param>
/// <param name="Elastic">Largest displacement in pixels of a smooth random field.</param>
/// <remarks>Elastic displacement after Simard, Steinkraus and Platt, Best Practices for Convolutional Neural Networks, ICDAR 2003, section 2,
/// with a cubic B-spline over a coarse random grid in place of the Gaussian filter: the same smoothness for a fraction of the work.</remarks>
public sealed record Augmentation(float Shift = 0, float Rotation = 0, float Scale = 0, float Elastic = 0)
{
    /// <summary>Nothing is changed.</summary>
    public bool IsIdentity => Shift == 0 && Rotation == 0 && Scale == 0 && Elastic == 0;

    /// <summary>Checks the ranges and that samples are images.</summary>
    /// <exception cref="ArgumentException">A value is outside its range.</exception>
    /// <exception cref="ShapeException">Samples are not [C, H, W].</exception>
    public void Require(Shape sample)
    {
        Check("shift", Shift, 10_000, "0 to 10000 pixels");
        Check("rotation", Rotation, 180, "0 to 180 degrees");
        Check("scale", Scale, 0.99f, "a fraction of 0 to 0.99");
        Check("elastic", Elastic, 10_000, "0 to 10000 pixels");
        if (!IsIdentity && sample.Rank != 3)
            throw new ShapeException($"Augmentation: expected images [C, H, W], got samples {sample}.");
    }

    private static void Check(string name, float value, float high, string range)
    {
        if (!(value >= 0 && value <= high && float.IsFinite(value)))
            throw new ArgumentException($"Augmentation: {name} expected {range}, got {value}.");
    }
}
