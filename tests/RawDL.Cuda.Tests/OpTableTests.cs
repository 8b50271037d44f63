using RawDL.TestKit;

namespace RawDL.Cuda.Tests;

/// <summary>The rows of the operation table against the emulated device.</summary>
internal sealed class OpTableTests : EmulatedFixture
{
    [TestCaseSource(typeof(OpCases), nameof(OpCases.All))]
    public void Row_holds(OpCase row) => Assert.That(OpCheck.Run(row, Device).Failures, Is.Empty);

    [TestCaseSource(typeof(OpCases), nameof(OpCases.All))]
    public void Bits_do_not_depend_on_the_order_of_threads(OpCase row)
    {
        var expected = OpCheck.Evaluate(row, Device);
        foreach (var order in (ThreadOrder[])[ThreadOrder.Reverse, ThreadOrder.Random])
        {
            Order(order, 7);
            var actual = OpCheck.Evaluate(row, Device);
            Order(ThreadOrder.Forward);
            Assert.That(Bits(actual.Output), Is.EqualTo(Bits(expected.Output)), $"{order}");
            Assert.That(actual.Gradients.Select(Bits), Is.EqualTo(expected.Gradients.Select(Bits)), $"{order}");
        }
    }

    [TestCaseSource(typeof(OpErrors), nameof(OpErrors.All))]
    public void Wrong_use_is_met_with_its_message(OpError row) => Assert.That(OpCheck.Run(row, Device), Is.Null);
}
