namespace RawDL.NN;

/// <summary>What training makes small, and with it how outputs become a class.</summary>
public enum LossKind
{
    /// <summary>Mean −log softmax of the right class; one output per class, the largest is the prediction.</summary>
    SoftmaxCrossEntropy,

    /// <summary>Mean −log sigmoid against 0 or 1; one output (class 1 above 0) or one per class (the largest is the prediction).</summary>
    BinaryCrossEntropy,

    /// <summary>Mean squared difference to the targets: those of the data set, or the class number, or one-hot classes.</summary>
    MeanSquaredError,

    /// <summary>Mean max(0, 1 − t·y) with t = ±1; one output (class 1 above 0) or one per class (the largest is the prediction).</summary>
    Hinge,
}
