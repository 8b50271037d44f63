using RawDL.NN;

namespace RawDL;

internal static partial class Required
{
    /// <summary>The files of MNIST.</summary>
    internal static DatasetPair Mnist()
    {
        var options = new DataOptions { Download = false };
        if (Datasets.Find(Datasets.Catalog.Single(source => source.Name == "mnist"), options) is null) Missing("mnist", "needs the files of MNIST in $RAWDL_DATA/mnist");
        return Datasets.Open("mnist", options);
    }
}
