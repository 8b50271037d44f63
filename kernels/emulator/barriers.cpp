// Where threads meet: barriers of a block and of a cluster, and the collectives of a warp.
#include "machine.h"

namespace emulator {

static void release_barrier(Block& block, Barrier& barrier)
{
    barrier.result = barrier.holding;
    barrier.participants = barrier.arrived;
    barrier.arrived = barrier.holding = barrier.expected = 0;
    release(block.threads, machine.threads, [&](const Thread& thread) { return thread.waiting == &barrier; });
}

static void release_cluster()
{
    if (machine.cluster_arrived == 0 || machine.cluster_arrived < machine.live)
        return;
    machine.cluster_arrived = 0;
    machine.cluster_phase++;
    release(machine.pool.get(), machine.team.size() * machine.threads, [](const Thread& thread) { return thread.waiting == &machine.cluster_phase; });
}

void thread_left()
{
    Thread& self = *machine.self;
    Block& block = *self.block;
    Warp& warp = block.warps[self.index / 32];
    unsigned lane = self.index % 32;
    if (self.deferred)
    {
        Queues& queues = queues_of(self);
        if (!queues.of[BULK].list.empty())
            fail("leaves the kernel without waiting for its bulk stores");
        queues.of[COPIES].clear();
        queues.of[BULK].clear();
    }
    for (Meeting* meeting = warp.meetings; meeting; meeting = meeting->next)
        if (meeting->mask >> lane & 1)
            fail("leaves the kernel while lane %d waits for it at %s (%s:%d)", __builtin_ctz(meeting->arrived), meeting->what, stem(meeting->site.file),
                 meeting->site.line);
    if (self.cluster_phase > machine.cluster_phase)
        machine.cluster_arrived--;
    self.exited = true;
    warp.live &= ~(1u << lane);
    block.live--;
    machine.live--;
    machine.polls = 0;
    Barrier& barrier = block.barriers[0];
    if (barrier.arrived > 0 && barrier.expected == 0 && barrier.arrived == block.live)
        release_barrier(block, barrier);
    if (machine.live > 0)
        release_cluster();
}

void yield(Site site)
{
    machine.polls++;
    push_back(machine.self);
    suspend("a poll", site);
}

void meet(unsigned mask, void* own, void (*last)(void* const*, unsigned), const char* what, Site site)
{
    Thread& self = *machine.self;
    Warp& warp = self.block->warps[self.index / 32];
    unsigned lane = self.index % 32;
    if (!(mask >> lane & 1))
        fail("%s (%s:%d) with mask %08x, which does not name the calling lane %u", what, stem(site.file), site.line, mask, lane);
    if (mask & ~warp.live)
    {
        unsigned absent = unsigned(__builtin_ctz(mask & ~warp.live));
        fail("%s (%s:%d) with mask %08x: lane %u %s", what, stem(site.file), site.line, mask, absent,
             self.index - lane + absent < machine.threads ? "has left the kernel" : "is not in the block");
    }
    Meeting** link = &warp.meetings;
    while (*link && (*link)->mask != mask)
        link = &(*link)->next;
    Meeting* meeting = *link;
    if (!meeting)
    {
        if (machine.free_meetings.empty())
        {
            machine.all_meetings.emplace_back(new Meeting);
            machine.free_meetings.push_back(machine.all_meetings.back().get());
        }
        *link = meeting = machine.free_meetings.back();
        machine.free_meetings.pop_back();
        meeting->mask = mask;
        meeting->arrived = 0;
        meeting->last = last;
        meeting->what = what;
        meeting->site = site;
        meeting->next = nullptr;
    }
    else if (!same(meeting->site, site) || meeting->what != what)
        fail("%s (%s:%d) while lane %d waits for it at %s (%s:%d): one warp, two places", what, stem(site.file), site.line,
             __builtin_ctz(meeting->arrived), meeting->what, stem(meeting->site.file), meeting->site.line);
    meeting->own[lane] = own;
    meeting->arrived |= 1u << lane;
    if (meeting->arrived == mask)
    {
        *link = meeting->next;
        last(meeting->own, mask);
        machine.free_meetings.push_back(meeting);
        Thread* threads = self.block->threads + (self.index - lane);
        self.waiting = meeting;
        release(threads, std::min(32u, machine.threads - (self.index - lane)), [&](const Thread& thread) { return thread.waiting == meeting; });
        suspend(what, site);
    }
    else
        wait_for(meeting, what, site);
}

unsigned synchronize(int id, unsigned threads, bool predicate, unsigned* arrived, const char* what, Site site)
{
    Thread& self = *machine.self;
    Block& block = *self.block;
    if (id < 0 || id > 15 || threads % 32 != 0 || threads > machine.threads)
        fail("%s (%s:%d): barrier %d for %u threads in a block of %u", what, stem(site.file), site.line, id, threads, machine.threads);
    Barrier& barrier = block.barriers[id];
    if (barrier.arrived == 0)
    {
        barrier.expected = threads;
        barrier.what = what;
        barrier.site = site;
        barrier.first = self.index;
    }
    else if (barrier.expected != threads)
        fail("%s (%s:%d) for %u threads, but thread %u waits there for %u", what, stem(site.file), site.line, threads, barrier.first, barrier.expected);
    else if (threads == 0 && (!same(barrier.site, site) || barrier.what != what))
        fail("divergent barrier: %s (%s:%d), but thread %u waits at %s (%s:%d)", what, stem(site.file), site.line, barrier.first, barrier.what,
             stem(barrier.site.file), barrier.site.line);
    barrier.arrived++;
    barrier.holding += predicate;
    self.waiting = &barrier;
    if (barrier.arrived == (threads ? threads : block.live))
        release_barrier(block, barrier);
    suspend(what, site);
    if (arrived)
        *arrived = barrier.participants;
    return barrier.result;
}

void arrive(int id, unsigned threads, Site site)
{
    Thread& self = *machine.self;
    Barrier& barrier = self.block->barriers[id & 15];
    if (id < 0 || id > 15 || threads == 0 || threads % 32 != 0 || threads > machine.threads || (barrier.arrived > 0 && barrier.expected != threads))
        fail("barrier_arrive (%s:%d): barrier %d for %u threads in a block of %u", stem(site.file), site.line, id, threads, machine.threads);
    if (barrier.arrived == 0)
        barrier.first = self.index;
    barrier.expected = threads;
    if (++barrier.arrived == threads)
        release_barrier(*self.block, barrier);
}

unsigned cluster_rank() { return machine.self->block->rank; }
unsigned cluster_size() { return unsigned(machine.team.size()); }

void cluster_arrive(Site site)
{
    Thread& self = *machine.self;
    if (self.cluster_phase > machine.cluster_phase)
        fail("cluster_arrive (%s:%d) twice without cluster_wait", stem(site.file), site.line);
    if (machine.cluster_arrived == 0)
        machine.cluster_site = site;
    else if (!same(machine.cluster_site, site))
        fail("divergent barrier: cluster_arrive (%s:%d), but others arrived at %s:%d", stem(site.file), site.line, stem(machine.cluster_site.file),
             machine.cluster_site.line);
    self.cluster_phase = machine.cluster_phase + 1;
    machine.cluster_arrived++;
    release_cluster();
}

void cluster_wait(Site site)
{
    Thread& self = *machine.self;
    if (self.cluster_phase == 0)
        fail("cluster_wait (%s:%d) without cluster_arrive", stem(site.file), site.line);
    while (self.cluster_phase > machine.cluster_phase)
        wait_for(&machine.cluster_phase, "the barrier of the cluster", site);
}

// ---------------------------------------------------------------- collectives

namespace {

struct Swap { uint64 value; int source; uint64 result; };
struct Vote { bool predicate; unsigned result; };
struct Sum { uint64 value; uint64 (*combine)(uint64, uint64); };

}  // namespace

uint64 exchange(unsigned mask, uint64 value, int source, const char* what, Site site)
{
    Swap own = {value, source, ~0ull};
    meet(mask, &own, [](void* const* lanes, unsigned all) {
        each(all, [&](int lane) {
            Swap& swap = at<Swap>(lanes, lane);
            if (all >> (swap.source & 31) & 1)
                swap.result = at<Swap>(lanes, swap.source & 31).value;
        });
    }, what, site);
    return own.result;
}

unsigned ballot(unsigned mask, bool predicate, const char* what, Site site)
{
    Vote own = {predicate, 0};
    meet(mask, &own, [](void* const* lanes, unsigned all) {
        unsigned votes = 0;
        each(all, [&](int lane) { votes |= unsigned(at<Vote>(lanes, lane).predicate) << lane; });
        each(all, [&](int lane) { at<Vote>(lanes, lane).result = votes; });
    }, what, site);
    return own.result;
}

uint64 reduce(unsigned mask, uint64 value, uint64 (*combine)(uint64, uint64), const char* what, Site site)
{
    Sum own = {value, combine};
    meet(mask, &own, [](void* const* lanes, unsigned all) {
        int first = __builtin_ctz(all);
        uint64 sum = at<Sum>(lanes, first).value;
        each(all & (all - 1), [&](int lane) { sum = at<Sum>(lanes, lane).combine(sum, at<Sum>(lanes, lane).value); });
        each(all, [&](int lane) { at<Sum>(lanes, lane).value = sum; });
    }, what, site);
    return own.value;
}

unsigned match(unsigned mask, uint64 value, const char* what, Site site)
{
    Swap own = {value, 0, 0};
    meet(mask, &own, [](void* const* lanes, unsigned all) {
        each(all, [&](int lane) {
            each(all, [&](int other) { at<Swap>(lanes, lane).result |= uint64(at<Swap>(lanes, other).value == at<Swap>(lanes, lane).value) << other; });
        });
    }, what, site);
    return unsigned(own.result);
}

}  // namespace emulator
