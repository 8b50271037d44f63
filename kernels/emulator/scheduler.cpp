// Fibers, and who runs when.
#include "machine.h"

#include <sys/mman.h>
#include <unistd.h>

namespace emulator {

#if defined(__x86_64__)
extern "C" void emulator_switch(void** save, void* load);
asm(R"(
    .text
    .p2align 4
    .globl emulator_switch
    .hidden emulator_switch
    .type emulator_switch, @function
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size emulator_switch, .-emulator_switch
)");
#endif

static void fiber_main();

void prepare(Fiber& fiber)
{
    // The tops differ in their low bits, so that the hot ends of many stacks do not share cache sets.
    size_t room = STACK - 128 * (fiber.number % 32);
#if defined(__x86_64__)
    void** top = reinterpret_cast<void**>(fiber.stack + room);
    *--top = nullptr;
    *--top = reinterpret_cast<void*>(&fiber_main);
    for (int i = 0; i < 6; i++)
        *--top = nullptr;
    fiber.stack_pointer = top;
#else
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = room;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, fiber_main, 0);
#endif
}

static inline void switch_fiber(Fiber& from, Fiber& to)
{
#if defined(__x86_64__)
    emulator_switch(&from.stack_pointer, to.stack_pointer);
#else
    swapcontext(&from.context, &to.context);
#endif
}

// ---------------------------------------------------------------- who runs next

[[noreturn]] static void fail_deadlock()
{
    struct Group { const char* what; Site site; const Thread* first; size_t count; };
    std::vector<Group> groups;
    for (size_t i = 0; i < machine.pool_size; i++)
    {
        const Thread& thread = machine.pool[i];
        if (i >= machine.team.size() * machine.threads || thread.exited)
            continue;
        auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.what == thread.what && same(g.site, thread.site); });
        if (group == groups.end())
            groups.push_back({thread.what, thread.site, &thread, 1});
        else
            group->count++;
    }
    message[0] = 0;
    say_block(groups[0].first->block->index);
    say(": deadlock:");
    for (size_t g = 0; g < groups.size() && g < 4; g++)
        say("%s %zu thread%s at %s (%s:%d), thread %u %s", g ? ";" : "", groups[g].count, groups[g].count == 1 ? " waits" : "s wait", groups[g].what,
            stem(groups[g].site.file), groups[g].site.line, groups[g].first->index, groups[g].count == 1 ? "alone" : "first");
    leave();
}

void run_engine()
{
    size_t k = machine.order == RANDOM ? below(machine.engine.size()) : machine.order == REVERSE ? machine.engine.size() - 1 : 0;
    std::function<void()> operation = std::move(machine.engine[k]);
    machine.engine.erase(machine.engine.begin() + ptrdiff_t(k));
    machine.polls = 0;
    machine.in_engine = true;
    operation();
    machine.in_engine = false;
}

Thread* start()
{
    size_t place = machine.order == REVERSE ? machine.fresh - 1 : machine.team.size() * machine.threads - machine.fresh;
    machine.fresh--;
    Thread& thread = machine.pool[place];
    unsigned rank = 0, index = unsigned(place);
    for (; index >= machine.threads; index -= machine.threads)
        rank++;
    thread.index = index;
    thread.block = &machine.team[rank];
    thread.exited = thread.deferred = false;
    thread.cluster_phase = 0;
    return &thread;
}

// Who runs next; null when all have left.
Thread* pick()
{
    if (machine.fresh > 0 && (machine.ring_count == 0 || machine.polls > 0))
        return start();
    if (machine.order == RANDOM && !machine.engine.empty() && (next_random() >> 61) == 0)
        run_engine();
    for (;;)
    {
        if (machine.ring_count > 0 && machine.polls <= machine.ring_count)
            break;
        if (machine.live == 0)
            return nullptr;
        if (!machine.engine.empty())
        {
            run_engine();
            continue;
        }
        if (machine.ring_count > 0)
        {
            if (machine.polls > uint64(POLL_LIMIT) * machine.ring_count)
                fail_deadlock();
            break;
        }
        fail_deadlock();
    }
    if (machine.order == RANDOM)
        std::swap(machine.ring[machine.ring_first], machine.ring[(machine.ring_first + below(machine.ring_count)) & machine.ring_mask]);
    Thread* thread = machine.ring[machine.ring_first];
    machine.ring_first = (machine.ring_first + 1) & machine.ring_mask;
    machine.ring_count--;
    return thread;
}

static void bind(Thread* thread)
{
    machine.self = thread;
    threadIdx.x = thread->index;
    blockIdx = thread->block->index;
    arena = thread->block->arena;
}

static Fiber* take_fiber()
{
    if (machine.idle_fibers.empty())
    {
        // A slab of stacks, each above a page that nobody may touch.
        constexpr size_t SLAB = 64;
        size_t page = std::max(GUARD_PAGE, size_t(sysconf(_SC_PAGESIZE))), span = STACK + page;
        void* slab = mmap(nullptr, SLAB * span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (slab == MAP_FAILED)
            fail("no memory for the stacks of the threads");
        for (size_t i = 0; i < SLAB; i++)
        {
            std::unique_ptr<Fiber> fiber(new Fiber);
            fiber->stack = static_cast<unsigned char*>(slab) + i * span + page;
            fiber->number = unsigned(machine.fibers.size());
            if (mprotect(fiber->stack, STACK, PROT_READ | PROT_WRITE) != 0)
                fail("no memory for the stacks of the threads");
            prepare(*fiber);
            machine.idle_fibers.push_back(fiber.get());
            machine.fibers.push_back(std::move(fiber));
        }
        std::reverse(machine.idle_fibers.begin(), machine.idle_fibers.end());
    }
    Fiber* fiber = machine.idle_fibers.back();
    machine.idle_fibers.pop_back();
    return fiber;
}

void resume(Thread* thread, Fiber& from)
{
    if (!thread->fiber)
        thread->fiber = take_fiber();
    bind(thread);
    switch_fiber(from, *thread->fiber);
}

void suspend(const char* what, const Site& site)
{
    Thread* self = machine.self;
    self->what = what;
    self->site = site;
    Thread* next = pick();
    if (next != self)
        resume(next, *self->fiber);
}

void wait_for(const void* event, const char* what, const Site& site)
{
    machine.self->waiting = event;
    suspend(what, site);
}

static void fiber_main()
{
    for (;;)
    {
        machine.kernel->thunk(machine.arguments);
        thread_left();
        Fiber* mine = machine.self->fiber;
        machine.self->fiber = nullptr;
        Thread* next = pick();
        if (next && !next->fiber)
        {
            next->fiber = mine;
            bind(next);
            continue;
        }
        machine.idle_fibers.push_back(mine);
        if (next)
            resume(next, *mine);
        else
            switch_fiber(*mine, machine.host);
    }
}

}  // namespace emulator
