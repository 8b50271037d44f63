namespace RawDL.Spark.Tests;

/// <summary>Where replicas meet, and when they try.</summary>
internal sealed class RoundMeetingTests
{
    private static readonly RoundAddress s_one = new("10.0.0.1", 1000, "a"), s_other = new("10.0.0.2", 1000, "b"), s_near = new("127.0.0.1", 1000, "c");

    [Test]
    public void Adders_are_those_of_the_last_round_by_rank_each_once()
    {
        var meeting = new RoundMeeting();
        Assert.That(meeting.Next(), Is.Null);
        Learn(meeting, (2, s_one), (0, s_other), (1, s_other));
        Assert.That(meeting.Next(), Is.EqualTo(new[] { s_other, s_one }));
        Learn(meeting, (0, s_one));
        Assert.That(meeting.Next(), Is.EqualTo(new[] { s_one }));
        Learn(meeting);
        Assert.That(meeting.Next(), Is.Null);
    }

    [Test]
    public void One_that_listens_to_its_own_machine_meets_no_others()
    {
        var meeting = new RoundMeeting();
        Learn(meeting, (0, s_near));
        Assert.That(meeting.Next(), Is.EqualTo(new[] { s_near }));
        Learn(meeting, (0, s_near), (1, s_one));
        Assert.That(meeting.Next(), Is.Null);
    }

    [Test]
    public void A_loss_counts_once_and_losses_in_a_row_ever_more()
    {
        var meeting = new RoundMeeting();
        Learn(meeting, (0, s_one), (1, s_other));
        for (var time = 0; time < 2; time++)
        {
            foreach (var waits in (int[])[0, 1, 3, 7])
            {
                meeting.Fail();
                for (var i = 0; i < waits; i++) Assert.That(meeting.Next(), Is.Null);
                Assert.That(meeting.Next(), Has.Length.EqualTo(2), $"after {waits}");
            }
            meeting.Succeed();
        }
        for (var i = 0; i < 100; i++) meeting.Fail();
        var most = 1;
        while (meeting.Next() is null) most++;
        Assert.That(most, Is.EqualTo(1024));
    }

    private static void Learn(RoundMeeting meeting, params (int Rank, RoundAddress Address)[] told) => meeting.Learn(told.ToDictionary(one => one.Rank, one => one.Address));
}
