namespace RawDL.NN;

public static partial class Datasets
{
    /// <summary>The data sets known by name.</summary>
    /// <remarks>Lengths and SHA-256 are those of tensorflow/datasets, url_checksums: mnist.txt, fashion_mnist.txt and cifar10.txt.</remarks>
    public static IReadOnlyList<DatasetSource> Catalog { get; } =
    [
        new(DigitsName, "Digits drawn by the program itself; nothing to download.", new Shape(1, 28, 28), Dataset.NumberedClasses(10),
            Digits.DefaultTrain, Digits.DefaultTest, [], []),
        new("mnist", "Handwritten digits of LeCun, Cortes and Burges.", new Shape(1, 28, 28), Dataset.NumberedClasses(10), 60_000, 10_000,
            [
                new("train-images-idx3-ubyte.gz", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
                new("train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
                new("t10k-images-idx3-ubyte.gz", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
                new("t10k-labels-idx1-ubyte.gz", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
            ],
            ["https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"]),
        new("fashion-mnist", "Pictures of clothing by Zalando, a harder MNIST.", new Shape(1, 28, 28),
            ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"], 60_000, 10_000,
            [
                new("train-images-idx3-ubyte.gz", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
                new("train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
                new("t10k-images-idx3-ubyte.gz", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
                new("t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
            ],
            ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]),
        new(Cifar10Folder.SourceName, "Small colour photographs of ten things, by Krizhevsky.", new Shape(3, 32, 32), Cifar10Folder.ClassNames, 50_000, 10_000,
            [new("cifar-10-binary.tar.gz", 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd")],
            ["https://www.cs.toronto.edu/~kriz/"]),
    ];
}
