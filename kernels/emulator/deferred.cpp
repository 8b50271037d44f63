// Operations whose effect comes later: their groups, the copy engine's tasks, and the mbarriers in which they end.
#include "machine.h"

namespace emulator {

namespace {

Operations& operations(Queue queue)
{
    Thread& self = *machine.self;
    if (queue == PRODUCTS)
        return self.block->warps[self.index / 32].products;
    self.deferred = true;
    return queues_of(self).of[queue];
}

void close_group(Operations& queue)
{
    queue.ends.push_back(queue.list.size());
    if (eager())
    {
        // Groups stay counted: only what they hold has run.
        for (; queue.done < queue.list.size(); queue.done++)
            queue.list[queue.done]();
    }
}

void wait_groups(Operations& queue, int newest)
{
    if (queue.ends.size() > size_t(newest))
        queue.run(queue.ends[queue.ends.size() - 1 - size_t(newest)]);
}

}  // namespace

void defer(Queue queue, std::function<void()> operation) { operations(queue).list.push_back(std::move(operation)); }

void commit(Queue queue, Site site)
{
    if (queue == PRODUCTS)
        meet(~0u, nullptr, [](void* const*, unsigned) { close_group(operations(PRODUCTS)); }, "commit of products", site);
    else
        close_group(operations(queue));
}

void wait(Queue queue, int newest, Site site)
{
    if (queue == PRODUCTS)
        meet(~0u, &newest, [](void* const* lanes, unsigned) { wait_groups(operations(PRODUCTS), at<int>(lanes, 0)); }, "wait for products", site);
    else
        wait_groups(operations(queue), newest);
}

void copy_async(void* shared, const void* source, unsigned bytes, unsigned available)
{
    if ((bytes != 4 && bytes != 8 && bytes != 16) || available > bytes || reinterpret_cast<uintptr_t>(shared) % bytes ||
        (available && reinterpret_cast<uintptr_t>(source) % bytes))
        fail("cp.async of %u bytes (%u of them read) from %p to %p", bytes, available, source, shared);
    block_of(shared);
    defer(COPIES, [=] {
        memcpy(shared, source, available);
        memset(static_cast<unsigned char*>(shared) + available, 0, bytes - available);
    });
}

void issue(std::function<void()> operation)
{
    machine.engine.push_back(std::move(operation));
    if (eager())
        run_engine();
}

// An mbarrier's bits: arrivals of a phase 0-19, pending arrivals 20-39, bytes due + 2^20 40-60, phase 61, the mark 10 at 62-63 (poison has 11).
namespace {

constexpr uint64 COUNT = (1 << 20) - 1, BIAS = 1 << 20;

struct State
{
    uint64 arrivals, pending, phase;
    int64 bytes;
};

State load(uint64* barrier)
{
    block_of(barrier);
    if (reinterpret_cast<uintptr_t>(barrier) % 8)
        fail("an mbarrier at %p is not aligned to 8 bytes", static_cast<void*>(barrier));
    uint64 word = *barrier;
    if (word >> 62 != 2)
        fail("an mbarrier was not initialized");
    return {word & COUNT, word >> 20 & COUNT, word >> 61 & 1, int64(word >> 40 & (2 * BIAS - 1)) - int64(BIAS)};
}

void store(uint64* barrier, State state)
{
    if (state.bytes >= int64(BIAS) || state.bytes <= -int64(BIAS))
        fail("an mbarrier expects %lld bytes", state.bytes);
    bool complete = state.pending == 0 && state.bytes == 0;
    if (complete)
    {
        state.phase ^= 1;
        state.pending = state.arrivals;
    }
    *barrier = state.arrivals | state.pending << 20 | uint64(state.bytes + int64(BIAS)) << 40 | state.phase << 61 | 2ull << 62;
    machine.polls = 0;
    if (complete)
        release(machine.pool.get(), machine.team.size() * machine.threads, [&](const Thread& thread) { return thread.waiting == barrier; });
}

}  // namespace

void mbarrier_init(uint64* barrier, unsigned arrivals)
{
    block_of(barrier);
    if (arrivals == 0 || arrivals > COUNT || reinterpret_cast<uintptr_t>(barrier) % 8)
        fail("mbarrier_init of %p with %u arrivals", static_cast<void*>(barrier), arrivals);
    *barrier = arrivals | uint64(arrivals) << 20 | BIAS << 40 | 2ull << 62;
}

void mbarrier_invalidate(uint64* barrier)
{
    load(barrier);
    *barrier = ~0ull;
}

void mbarrier_arrive(uint64* barrier, unsigned arrivals)
{
    State state = load(barrier);
    if (state.pending < arrivals)
        fail("%u arrivals at an mbarrier that %llu are due at", arrivals, state.pending);
    state.pending -= arrivals;
    store(barrier, state);
}

void mbarrier_expect(uint64* barrier, unsigned bytes)
{
    State state = load(barrier);
    state.bytes += bytes;
    store(barrier, state);
}

void mbarrier_arrive_expect(uint64* barrier, unsigned bytes)
{
    State state = load(barrier);
    if (state.pending == 0)
        fail("an arrival at an mbarrier that none is due at");
    state.bytes += bytes;
    state.pending--;
    store(barrier, state);
}

void mbarrier_complete(uint64* barrier, unsigned bytes)
{
    State state = load(barrier);
    state.bytes -= bytes;
    store(barrier, state);
}

bool mbarrier_test(uint64* barrier, unsigned parity, Site site)
{
    if (load(barrier).phase != (parity & 1))
        return true;
    yield(site);
    return load(barrier).phase != (parity & 1);
}

void mbarrier_wait(uint64* barrier, unsigned parity, Site site)
{
    while (load(barrier).phase == (parity & 1))
        wait_for(barrier, "an mbarrier", site);
}

void mbarrier_copies_arrive(uint64* barrier, bool noinc)
{
    State state = load(barrier);
    if (!noinc)
    {
        state.pending++;
        store(barrier, state);
    }
    Operations& queue = operations(COPIES);
    std::vector<std::function<void()>> copies(queue.list.begin() + ptrdiff_t(queue.done), queue.list.end());
    queue.clear();
    issue([copies, barrier] {
        for (auto& copy : copies)
            copy();
        mbarrier_arrive(barrier);
    });
}

}  // namespace emulator
