namespace RawDL.NN;

/// <summary>How well one class was recognised. A class that neither occurs nor was predicted has no scores: they are NaN.</summary>
/// <param name="Name">Name of the class.</param>
/// <param name="Support">Samples labeled so.</param>
/// <param name="Predicted">Samples classified so.</param>
/// <param name="Precision">Right among the predicted; 0 where nothing was predicted.</param>
/// <param name="Recall">Right among the labeled; 0 where nothing was labeled.</param>
/// <param name="F1">2 · right / (labeled + predicted), the harmonic mean of the two.</param>
public readonly record struct ClassScores(string Name, long Support, long Predicted, double Precision, double Recall, double F1);

/// <summary>Share of the samples whose label is among the K largest outputs.</summary>
/// <param name="K">1, 2, 3 or 5, at most the number of classes.</param>
/// <param name="Accuracy">0 to 1; NaN for no samples.</param>
public readonly record struct TopK(int K, double Accuracy);
