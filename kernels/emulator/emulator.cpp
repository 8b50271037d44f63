// The emulated device: fibers, the scheduler, barriers, deferred operations, memory with red zones, and the C functions by which it is driven.
// What it does and finds is told in emulator.h.
//
// Letters: a team is the set of blocks that run at once: one block, a cluster, or the grid of a cooperative kernel. The ring holds the threads that
// can run; a thread that waits is in no ring, and whoever ends its wait puts it back. A fiber is a stack: a thread takes one when it starts, and a
// fiber whose thread left runs the next thread without a switch, so that kernels that never wait run on one stack.
#include "common.cuh"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

unsigned launch_number;
unsigned char* arena;

namespace {

constexpr size_t STACK = 64 << 10, GUARD_PAGE = 4 << 10;   // GUARD_PAGE is widened to the host's page
constexpr size_t ARENA = 256 << 10, ARENA_SPAN = 1 << 20;  // usable bytes; distance and alignment
constexpr unsigned SHARED_LIMIT = 232448;                  // bytes of shared memory that a block may have on sm_90
constexpr unsigned ZONE = 256;                             // bytes of a guard zone
constexpr unsigned PATTERN = 0xfffa5a5a;                   // what zones hold: NaN as float and as double
constexpr size_t THREAD_LIMIT = 16384;                     // of a team
constexpr unsigned POLL_LIMIT = 20000;                     // rounds in which everybody only polls
constexpr int SECONDS_LIMIT = 120;                         // of a launch

enum Order { FORWARD, REVERSE, RANDOM };

// ---------------------------------------------------------------- fibers

struct Fiber
{
#if defined(__x86_64__)
    void* stack_pointer = nullptr;
#else
    ucontext_t context;
#endif
    unsigned char* stack = nullptr;  // null: the host thread's own
    unsigned number = 0;
};

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
    popq %rcx
    jmp *%rcx
    .size emulator_switch, .-emulator_switch
)");
#endif

void fiber_main();

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

inline void switch_fiber(Fiber& from, Fiber& to)
{
#if defined(__x86_64__)
    emulator_switch(&from.stack_pointer, to.stack_pointer);
#else
    swapcontext(&from.context, &to.context);
#endif
}

// ---------------------------------------------------------------- the state of a launch

struct Operations
{
    std::vector<std::function<void()>> list;
    std::vector<size_t> ends;  // of the committed groups in list
    size_t done = 0;           // operations at the front that have run

    void clear() { list.clear(); ends.clear(); done = 0; }
    bool empty() const { return done == list.size(); }
    void run(size_t end)
    {
        for (; done < end; done++)
            list[done]();
        if (done == list.size())
            clear();
        else if (done >= 256)
        {
            list.erase(list.begin(), list.begin() + ptrdiff_t(done));
            ends.erase(std::remove_if(ends.begin(), ends.end(), [&](size_t e) { return e <= done; }), ends.end());
            for (size_t& e : ends)
                e -= done;
            done = 0;
        }
    }
};

struct Block;

struct Thread
{
    unsigned index;
    Block* block;
    Fiber* fiber;
    const void* waiting;  // what for: the address of a barrier or meeting; null when it can run
    const char* what;
    Site site;
    bool exited;
    unsigned cluster_phase;
    Operations queues[2];  // COPIES, BULK
};

struct Meeting
{
    unsigned mask, arrived;
    void (*last)(void* const*, unsigned);
    const char* what;
    Site site;
    void* own[32];
    Meeting* next;
};

struct Warp
{
    unsigned live = 0;
    Meeting* meetings = nullptr;
    Operations products;
};

struct Barrier
{
    unsigned arrived = 0, expected = 0, holding = 0, result = 0, participants = 0, first = 0;
    const char* what = nullptr;
    Site site = {};
};

struct Block
{
    uint3 index;
    unsigned rank, live;
    unsigned char* arena;
    Thread* threads;
    Barrier barriers[16];
    std::vector<Warp> warps;
};

struct Kernel
{
    const char* name;
    int threads, together;
    Thunk thunk;
};

struct Zone
{
    unsigned begin, end;
    const char *before, *after;  // the arrays on both sides
};

std::vector<Kernel>& kernels()
{
    static std::vector<Kernel> table;
    return table;
}

std::mutex gate;  // one launch, allocation or check at a time
char message[2048];

struct Machine
{
    int order = FORWARD;
    bool shuffle_blocks = false;
    uint64 random = 1;

    const Kernel* kernel = nullptr;
    void** arguments = nullptr;
    unsigned threads = 0;  // of a block
    unsigned dynamic_bytes = 0, dynamic_offset = 0, shared_bytes = 0, top = 0;
    std::vector<Zone> zones;

    std::vector<Block> team;
    std::unique_ptr<Thread[]> pool;
    size_t pool_size = 0, live = 0;
    std::vector<unsigned char*> arenas;
    unsigned cluster_arrived = 0, cluster_phase = 0;
    Site cluster_site = {};

    Thread* self = nullptr;
    Fiber host;
    std::vector<std::unique_ptr<Fiber>> fibers;
    std::vector<Fiber*> idle_fibers;

    std::vector<Thread*> ring;
    size_t ring_first = 0, ring_count = 0, ring_mask = 0;
    uint64 polls = 0;  // yields since anything else happened
    std::vector<std::function<void()>> engine;
    bool in_engine = false;

    std::vector<Meeting*> free_meetings;
    std::vector<std::unique_ptr<Meeting>> all_meetings;

    sigjmp_buf exit;
    pthread_t host_thread;
    volatile bool running = false;
};

Machine machine;

uint64 next_random()
{
    machine.random ^= machine.random >> 12;
    machine.random ^= machine.random << 25;
    machine.random ^= machine.random >> 27;
    return machine.random * 0x2545f4914f6cdd1dull;
}

unsigned below(size_t count) { return unsigned((next_random() >> 32) * count >> 32); }

// Whether a deferred operation runs at once.
bool eager() { return machine.order == REVERSE || (machine.order == RANDOM && next_random() >> 63); }

const char* stem(const char* file)
{
    const char* slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

bool same(const Site& a, const Site& b) { return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0); }

__attribute__((format(printf, 1, 2))) void say(const char* format, ...)
{
    size_t length = strlen(message);
    va_list list;
    va_start(list, format);
    vsnprintf(message + length, sizeof message - length, format, list);
    va_end(list);
}

void say_block(const uint3& index) { say("kernel %s, block (%u, %u, %u)", machine.kernel->name, index.x, index.y, index.z); }

[[noreturn]] void leave() { siglongjmp(machine.exit, 1); }

void say_who()
{
    message[0] = 0;
    if (machine.self)
    {
        say_block(machine.self->block->index);
        say(machine.in_engine ? ", an asynchronous copy: " : ", thread %u: ", machine.self->index);
    }
    else
        say("kernel %s: ", machine.kernel->name);
}

// ---------------------------------------------------------------- the scheduler

void push_back(Thread* thread)
{
    machine.ring[(machine.ring_first + machine.ring_count++) & machine.ring_mask] = thread;
}

void push_front(Thread* thread)
{
    machine.ring_first = (machine.ring_first - 1) & machine.ring_mask;
    machine.ring[machine.ring_first] = thread;
    machine.ring_count++;
}

void make_ready(Thread* thread)
{
    thread->waiting = nullptr;
    push_front(thread);
}

// Makes the threads of [0, count) that satisfy a condition ready, so that they run in the order that was chosen.
template<class Condition> void release(Thread* threads, size_t count, Condition condition)
{
    machine.polls = 0;
    for (size_t k = 0; k < count; k++)
    {
        Thread& thread = threads[machine.order == REVERSE ? k : count - 1 - k];
        if (condition(thread))
            make_ready(&thread);
    }
}

[[noreturn]] void fail_deadlock()
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

// Who runs next; null when all have left.
Thread* pick()
{
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

void bind(Thread* thread)
{
    machine.self = thread;
    threadIdx.x = thread->index;
    blockIdx = thread->block->index;
    arena = thread->block->arena;
}

Fiber* take_fiber()
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

// Runs others until this thread is ready again.
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

void release_barrier(Block& block, Barrier& barrier)
{
    barrier.result = barrier.holding;
    barrier.participants = barrier.arrived;
    barrier.arrived = barrier.holding = barrier.expected = 0;
    release(block.threads, machine.threads, [&](const Thread& thread) { return thread.waiting == &barrier; });
}

void release_cluster()
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
    if (!self.queues[BULK].list.empty())
        fail("leaves the kernel without waiting for its bulk stores");
    self.queues[COPIES].clear();
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

void fiber_main()
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

// ---------------------------------------------------------------- shared memory

void fill_zone(unsigned char* base, unsigned begin, unsigned end)
{
    for (unsigned i = begin; i < end; i++)
        base[i] = (unsigned char)(PATTERN >> i % 4 * 8);
}

// Gives an array its place: at an odd multiple of its alignment, so that nothing hides on better alignment than what was declared.
unsigned place_array(const char* name, unsigned bytes, unsigned alignment, bool dynamic)
{
    Zone& gap = machine.zones.back();
    unsigned begin = (gap.end + alignment - 1) / alignment * alignment;
    if (!dynamic && begin / alignment % 2 == 0)
        begin += alignment;
    machine.shared_bytes += bytes;
    if (machine.shared_bytes > SHARED_LIMIT || begin + bytes + ZONE > ARENA)
        fail("%u bytes of shared memory are more than a block has", machine.shared_bytes);
    unsigned old_end = gap.end;
    gap.end = begin;
    gap.after = name;
    machine.top = begin + bytes + ZONE;
    machine.zones.push_back({begin + bytes, machine.top, name, nullptr});
    for (Block& block : machine.team)
    {
        if (!block.arena)
            continue;
        fill_zone(block.arena, old_end, begin);
        memset(block.arena + begin, 0xff, bytes);
        fill_zone(block.arena, begin + bytes, machine.top);
    }
    return begin;
}

void check_zones(const Block& block)
{
    for (const Zone& zone : machine.zones)
        for (unsigned i = zone.begin; i < zone.end; i++)
            if (block.arena[i] != (unsigned char)(PATTERN >> i % 4 * 8))
            {
                unsigned last = zone.end - 1;
                while (block.arena[last] == (unsigned char)(PATTERN >> last % 4 * 8))
                    last--;
                bool front = zone.after && (!zone.before || zone.end - 1 - last < i - zone.begin);
                message[0] = 0;
                say_block(block.index);
                if (front)
                    say(": a write %u bytes before the shared array %s", zone.end - last, zone.after);
                else
                    say(": a write at byte %u behind the end of the shared array %s", i - zone.begin, zone.before);
                machine.self = nullptr;
                leave();
            }
}

unsigned char* take_arena(size_t k)
{
    while (machine.arenas.size() <= k)
    {
        size_t bytes = 2 * ARENA_SPAN;
        void* region = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (region == MAP_FAILED)
            fail("no memory for shared memory");
        uintptr_t start = (reinterpret_cast<uintptr_t>(region) + ARENA_SPAN - 1) / ARENA_SPAN * ARENA_SPAN;
        mprotect(reinterpret_cast<void*>(start), ARENA, PROT_READ | PROT_WRITE);
        machine.arenas.push_back(reinterpret_cast<unsigned char*>(start));
    }
    return machine.arenas[k];
}

Block& block_of(const void* pointer)
{
    const unsigned char* p = static_cast<const unsigned char*>(pointer);
    Block& own = *machine.self->block;
    if (size_t(p - own.arena) < ARENA)
        return own;
    for (Block& block : machine.team)
        if (size_t(p - block.arena) < ARENA)
        {
            if (block.live == 0)
                fail("uses shared memory of block (%u, %u, %u) of its cluster, which has left", block.index.x, block.index.y, block.index.z);
            return block;
        }
    fail("%p is not in shared memory", pointer);
}

// ---------------------------------------------------------------- running

void run_team(const uint3& first, unsigned size)
{
    unsigned threads = machine.threads;
    for (unsigned rank = 0; rank < size; rank++)
    {
        Block& block = machine.team[rank];
        unsigned x = first.x + rank;
        block.index = {x % gridDim.x, first.y + x / gridDim.x % gridDim.y, first.z + x / gridDim.x / gridDim.y};
        block.rank = rank;
        block.live = threads;
        block.arena = take_arena(rank);
        block.threads = machine.pool.get() + size_t(rank) * threads;
        for (Barrier& barrier : block.barriers)
            barrier = Barrier();
        for (unsigned w = 0; w < block.warps.size(); w++)
        {
            block.warps[w].live = threads - 32 * w >= 32 ? ~0u : (1u << (threads - 32 * w)) - 1;
            block.warps[w].meetings = nullptr;
            block.warps[w].products.clear();
        }
        for (const Zone& zone : machine.zones)
        {
            fill_zone(block.arena, zone.begin, zone.end);
            if (&zone != &machine.zones.back())
                memset(block.arena + zone.end, 0xff, (&zone)[1].begin - zone.end);
        }
        for (unsigned i = 0; i < threads; i++)
        {
            Thread& thread = block.threads[i];
            thread.index = i;
            thread.block = &block;
            thread.waiting = nullptr;
            thread.what = "its start";
            thread.exited = false;
            thread.cluster_phase = 0;
        }
    }
    machine.cluster_arrived = machine.cluster_phase = 0;
    machine.live = size_t(size) * threads;
    machine.ring_first = machine.ring_count = 0;
    release(machine.pool.get(), machine.live, [](const Thread&) { return true; });
    resume(pick(), machine.host);
    machine.self = nullptr;
    if (!machine.engine.empty())
        fail("blocks have left before an asynchronous copy that they issued was complete");
    for (unsigned rank = 0; rank < size; rank++)
        check_zones(machine.team[rank]);
}

void run_grid(unsigned size)
{
    machine.zones.assign(1, {ZONE, 2 * ZONE, nullptr, nullptr});
    machine.shared_bytes = 0;
    machine.top = 2 * ZONE;
    machine.dynamic_offset = place_array("dynamic", machine.dynamic_bytes, 1024, true);
    uint64 teams = uint64(gridDim.x) * gridDim.y * gridDim.z / size;
    static std::vector<unsigned> shuffled;
    shuffled.clear();
    if (machine.order == RANDOM || machine.shuffle_blocks)
    {
        shuffled.resize(teams);
        for (unsigned i = 0; i < teams; i++)
        {
            unsigned k = below(i + 1);
            shuffled[i] = shuffled[k];
            shuffled[k] = i;
        }
    }
    for (uint64 k = 0; k < teams; k++)
    {
        uint64 block = (!shuffled.empty() ? shuffled[k] : machine.order == REVERSE ? teams - 1 - k : k) * size;
        run_team({unsigned(block % gridDim.x), unsigned(block / gridDim.x % gridDim.y), unsigned(block / gridDim.x / gridDim.y)}, size);
    }
}

void run_protected(unsigned size)
{
    if (sigsetjmp(machine.exit, 1) == 0)
        run_grid(size);
}

constexpr int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGVTALRM};
struct sigaction previous[4];

void on_signal(int number, siginfo_t* information, void* context)
{
    if (!machine.running || !pthread_equal(pthread_self(), machine.host_thread))
    {
        // Somebody else's: the runtime's null checks, for one.
        for (int i = 0; i < 4; i++)
            if (SIGNALS[i] == number)
            {
                if (previous[i].sa_flags & SA_SIGINFO)
                    previous[i].sa_sigaction(number, information, context);
                else if (previous[i].sa_handler != SIG_DFL && previous[i].sa_handler != SIG_IGN)
                    previous[i].sa_handler(number);
                else
                    sigaction(number, &previous[i], nullptr);
            }
        return;
    }
    say_who();
    const unsigned char* address = static_cast<const unsigned char*>(information->si_addr);
    const Fiber* fiber = machine.self ? machine.self->fiber : nullptr;
    if (number == SIGVTALRM)
        say("the launch did not end within %d seconds", SECONDS_LIMIT);
    else if (number == SIGFPE)
        say("integer division by zero");
    else if (information->si_code == SI_KERNEL)
        say("a misaligned or impossible address");
    else if (fiber && address < fiber->stack && address >= fiber->stack - GUARD_PAGE)
        say("its local variables are more than a stack of %zu bytes holds", STACK);
    else
    {
        const char* access = "access to";
#if defined(__x86_64__)
        access = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR] & 2 ? "write to" : "read of";
#endif
        say("%s address %p, where there is no memory%s", access, static_cast<const void*>(address), address < reinterpret_cast<unsigned char*>(65536) ? " (a null pointer)" : "");
    }
    leave();
}

// The handlers, the stack that they run on and the watch, for the time of a launch.
struct Protection
{
    stack_t previous_stack;
    timer_t watch;
    bool watched;

    Protection()
    {
        static unsigned char stack[64 << 10];
        stack_t own = {};
        own.ss_sp = stack;
        own.ss_size = sizeof stack;
        sigaltstack(&own, &previous_stack);
        machine.host_thread = pthread_self();
        machine.running = true;
        struct sigaction action = {};
        action.sa_sigaction = on_signal;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        for (int i = 0; i < 4; i++)
            sigaction(SIGNALS[i], &action, &previous[i]);
        sigevent event = {};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = SIGVTALRM;
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
        event.sigev_notify_thread_id = int(syscall(SYS_gettid));
        itimerspec limit = {};
        limit.it_value.tv_sec = SECONDS_LIMIT;
        watched = timer_create(CLOCK_MONOTONIC, &event, &watch) == 0;
        if (watched)
            timer_settime(watch, 0, &limit, nullptr);
    }

    ~Protection()
    {
        if (watched)
            timer_delete(watch);
        machine.running = false;
        for (int i = 0; i < 4; i++)
            sigaction(SIGNALS[i], &previous[i], nullptr);
        sigaltstack(&previous_stack, nullptr);
    }
};

// ---------------------------------------------------------------- allocations

std::map<unsigned char*, uint64>& allocations()
{
    static std::map<unsigned char*, uint64> table;
    return table;
}

// Looks for damage in the red zones of an allocation, repairs and tells it. The zone behind begins at the last byte's successor, aligned or not.
bool damaged(unsigned char* start, uint64 bytes)
{
    for (unsigned i = 0; i < 2 * ZONE; i++)
    {
        unsigned char* p = i < ZONE ? start + bytes + i : start - 1 - (i - ZONE);
        if (*p == (unsigned char)(PATTERN >> reinterpret_cast<uintptr_t>(p) % 4 * 8))
            continue;
        if (i < ZONE)
            say("a write at byte %u behind the end of an allocation of %llu bytes", i, bytes);
        else
            say("a write %u bytes before an allocation of %llu bytes", i - ZONE + 1, bytes);
        for (unsigned k = 0; k < ZONE; k++)
            for (unsigned char* q : {start + bytes + k, start - 1 - k})
                *q = (unsigned char)(PATTERN >> reinterpret_cast<uintptr_t>(q) % 4 * 8);
        return true;
    }
    return false;
}

bool any_damaged()
{
    for (auto& allocation : allocations())
        if (damaged(allocation.first, allocation.second))
            return true;
    return false;
}

}  // namespace

// ---------------------------------------------------------------- what emulator.h declares

Registration::Registration(const char* name, int threads, int together, Thunk thunk) { kernels().push_back({name, threads, together, thunk}); }

void fail(const char* format, ...)
{
    say_who();
    size_t length = strlen(message);
    va_list list;
    va_start(list, format);
    vsnprintf(message + length, sizeof message - length, format, list);
    va_end(list);
    leave();
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

void* map_shared(const void* pointer, unsigned rank)
{
    Block& own = block_of(pointer);
    if (rank >= machine.team.size())
        fail("map_shared: rank %u in a cluster of %zu blocks", rank, machine.team.size());
    return block_of(machine.team[rank].arena + (static_cast<const unsigned char*>(pointer) - own.arena)).arena +
           (static_cast<const unsigned char*>(pointer) - own.arena);
}

bool is_shared(const void* pointer) { return size_t(static_cast<const unsigned char*>(pointer) - arena) < ARENA; }

uint32 shared_address(const void* pointer)
{
    Block& block = block_of(pointer);
    uint32 offset = uint32(static_cast<const unsigned char*>(pointer) - block.arena);
    return &block == machine.self->block ? offset : map_shared_address(offset, block.rank);
}

uint32 map_shared_address(uint32 address, unsigned rank)
{
    if (rank >= machine.team.size())
        fail("map_shared_address: rank %u in a cluster of %zu blocks", rank, machine.team.size());
    return (address & 0xffffff) | (rank + 1) << 24;
}

void* shared_pointer(uint32 address)
{
    unsigned rank = address >> 24;
    if ((address & 0xffffff) >= ARENA || rank > machine.team.size())
        fail("%08x is not an address in shared memory", address);
    return rank == 0 ? arena + address : block_of(machine.team[rank - 1].arena).arena + (address & 0xffffff);
}

void place(SharedArray& array)
{
    array.offset = place_array(array.name, array.bytes, std::max(16u, array.alignment), false);
    array.launch = launch_number;
}

void* dynamic_shared() { return arena + machine.dynamic_offset; }

namespace {

struct Swap { uint64 value; int source; uint64 result; };
struct Vote { bool predicate; unsigned result; };
struct Sum { uint64 value; uint64 (*combine)(uint64, uint64); };

template<class T> T& at(void* const* lanes, int lane) { return *static_cast<T*>(lanes[lane]); }

template<class Action> void each(unsigned mask, Action action)
{
    for (; mask; mask &= mask - 1)
        action(__builtin_ctz(mask));
}

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

// ---------------------------------------------------------------- deferred operations

namespace {

Operations& operations(Queue queue)
{
    Thread& self = *machine.self;
    return queue == PRODUCTS ? self.block->warps[self.index / 32].products : self.queues[queue];
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

// ---------------------------------------------------------------- the copy engine

namespace {

// Calls action(shared bytes, global bytes or null, count) for the 16-byte parts of a tile; parts at the edge of the tensor are split.
template<class Action> void each_part(const TensorMap& map, const int* coordinates, unsigned char* shared, Action action)
{
    int64 row_bytes = int64(map.box[0]) * map.element, extent = int64(map.extents[0]) * map.element, start = int64(coordinates[0]) * map.element;
    int64 rows = 1, offset = 0;
    for (int d = 1; d < map.rank; d++)
        rows *= map.box[d];
    uintptr_t bits = (1u << map.swizzle) - 1;
    for (int64 row = 0; row < rows; row++)
    {
        int64 rest = row, place = 0;
        bool inside = true;
        for (int d = 1; d < map.rank; d++)
        {
            int64 at = coordinates[d] + rest % map.box[d];
            rest /= map.box[d];
            inside = inside && at >= 0 && at < int64(map.extents[d]);
            place += at * int64(map.strides[d - 1]);
        }
        for (int64 byte = 0; byte < row_bytes; byte += 16, offset += 16)
        {
            uintptr_t address = reinterpret_cast<uintptr_t>(shared + offset);
            unsigned char* part = reinterpret_cast<unsigned char*>(address ^ (address >> 7 & bits) << 4);
            int64 low = std::clamp<int64>(-(start + byte), 0, 16), high = std::clamp<int64>(extent - (start + byte), 0, 16);
            if (!inside || low >= high)
                low = high = 0;
            action(part, nullptr, low);
            action(part + low, map.base + place + start + byte + low, high - low);
            action(part + high, nullptr, 16 - high);
        }
    }
}

unsigned tile_bytes(const TensorMap& map)
{
    unsigned bytes = map.element;
    for (int d = 0; d < map.rank; d++)
        bytes *= map.box[d];
    return bytes;
}

constexpr uint64 MAP_MAGIC = 0x52617744'4c746d61ull;

TensorMap check_tile(const TensorMap* map, const void* shared, const char* what)
{
    TensorMap copy;
    memcpy(&copy, map, sizeof copy);
    if (copy.magic != MAP_MAGIC)
        fail("%s: %p is not a tensor map", what, static_cast<const void*>(map));
    size_t alignment = copy.swizzle ? 128u << copy.swizzle : 128;  // the pattern's period
    if (reinterpret_cast<uintptr_t>(shared) % alignment || !is_shared(shared))
        fail("%s: the shared address %p is not aligned to %zu bytes or not the block's own", what, shared, alignment);
    return copy;
}

// Runs copy(shared, barrier) for the block itself or for all of a mask, later.
template<class Copy> void issue_load(void* shared, uint64* barrier, unsigned blocks, Copy copy)
{
    if (!is_shared(shared) || !is_shared(barrier))
        fail("a bulk load to shared memory that is not the block's own");
    if (blocks == 0)
        issue([=] { copy(static_cast<unsigned char*>(shared), barrier); });
    else if (blocks >> (machine.team.size() - 1) > 1)
        fail("a bulk load to blocks %x of a cluster of %zu", blocks, machine.team.size());
    else
        each(blocks, [&](int rank) {
            auto target = static_cast<unsigned char*>(map_shared(shared, unsigned(rank)));
            auto signal = static_cast<uint64*>(map_shared(barrier, unsigned(rank)));
            issue([=] { copy(target, signal); });
        });
}

}  // namespace

void tile_load(void* shared, const TensorMap* pointer, const int* coordinates, uint64* barrier, unsigned blocks)
{
    TensorMap map = check_tile(pointer, shared, "tile_load");
    int place[5] = {};
    std::copy(coordinates, coordinates + map.rank, place);
    issue_load(shared, barrier, blocks, [=](unsigned char* target, uint64* signal) {
        each_part(map, place, target, [](unsigned char* part, const unsigned char* source, int64 count) {
            source ? memcpy(part, source, size_t(count)) : memset(part, 0, size_t(count));
        });
        mbarrier_complete(signal, tile_bytes(map));
    });
}

void tile_store(const TensorMap* pointer, const int* coordinates, const void* shared)
{
    TensorMap map = check_tile(pointer, shared, "tile_store");
    int place[5] = {};
    std::copy(coordinates, coordinates + map.rank, place);
    auto source = static_cast<unsigned char*>(const_cast<void*>(shared));
    defer(BULK, [=] {
        each_part(map, place, source, [](unsigned char* part, unsigned char* target, int64 count) {
            if (target)
                memcpy(target, part, size_t(count));
        });
    });
}

static void check_bulk(const void* shared, const void* other, unsigned bytes)
{
    if (bytes == 0 || bytes % 16 || reinterpret_cast<uintptr_t>(shared) % 16 || reinterpret_cast<uintptr_t>(other) % 16 || !is_shared(shared))
        fail("a bulk copy of %u bytes between %p (shared) and %p", bytes, shared, other);
}

void bulk_load(void* shared, const void* source, unsigned bytes, uint64* barrier, unsigned blocks)
{
    check_bulk(shared, source, bytes);
    issue_load(shared, barrier, blocks, [=](unsigned char* target, uint64* signal) {
        memcpy(target, source, bytes);
        mbarrier_complete(signal, bytes);
    });
}

void bulk_store(void* target, const void* shared, unsigned bytes)
{
    check_bulk(shared, target, bytes);
    defer(BULK, [=] { memcpy(target, shared, bytes); });
}

}  // namespace emulator

// ---------------------------------------------------------------- the C functions

using namespace emulator;

extern "C" {

int emulator_count() { return int(kernels().size()); }
const char* emulator_name(int k) { return k < 0 || k >= emulator_count() ? nullptr : kernels()[size_t(k)].name; }
int emulator_threads(int k) { return k < 0 || k >= emulator_count() ? 0 : kernels()[size_t(k)].threads; }
int emulator_find(const char* name)
{
    for (int k = 0; k < emulator_count(); k++)
        if (strcmp(emulator_name(k), name) == 0)
            return k;
    return -1;
}

// 0 forward, 1 reverse, 2 random: who runs next within a block, the order of blocks, and when deferred operations take effect.
void emulator_order(int order, unsigned long long seed)
{
    std::lock_guard<std::mutex> lock(gate);
    machine.order = order;
    machine.random = (seed + 1) * 0x9e3779b97f4a7c15ull | 1;
}

// Blocks in random order, whatever the order within them.
void emulator_shuffle_blocks(int on)
{
    std::lock_guard<std::mutex> lock(gate);
    machine.shuffle_blocks = on != 0;
}

const char* emulator_launch(int k, const unsigned* grid, unsigned threads, unsigned shared_bytes, void** arguments)
{
    std::lock_guard<std::mutex> lock(gate);
    message[0] = 0;
    if (k < 0 || k >= emulator_count())
    {
        say("there is no kernel %d", k);
        return message;
    }
    const Kernel& kernel = kernels()[size_t(k)];
    uint64 blocks = uint64(grid[0]) * grid[1] * grid[2];
    uint64 size = kernel.together ? uint64(kernel.together) : blocks;
    if (threads != unsigned(kernel.threads))
        say("kernel %s: %u threads, but it is declared for %d", kernel.name, threads, kernel.threads);
    else if (blocks == 0 || grid[0] > 0x7fffffff || grid[1] > 65535 || grid[2] > 65535 || blocks > 0xffffffff)
        say("kernel %s: a grid of %u x %u x %u", kernel.name, grid[0], grid[1], grid[2]);
    else if (kernel.together && grid[0] % size != 0)
        say("kernel %s: a grid of %u blocks along x, but its clusters have %llu", kernel.name, grid[0], size);
    else if (size * threads > THREAD_LIMIT)
        say("kernel %s: %llu blocks of %u threads cannot run at once", kernel.name, size, threads);
    if (message[0])
        return message;

    machine.kernel = &kernel;
    machine.arguments = arguments;
    machine.threads = threads;
    machine.dynamic_bytes = shared_bytes;
    machine.self = nullptr;
    machine.in_engine = false;
    machine.polls = 0;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {threads, 1, 1};
    threadIdx = {0, 0, 0};
    launch_number++;
    machine.team.resize(size);
    for (Block& block : machine.team)
    {
        block.arena = nullptr;
        block.warps.resize((threads + 31) / 32);
    }
    if (machine.pool_size < size * threads)
    {
        machine.pool_size = size * threads;
        machine.pool.reset(new Thread[machine.pool_size]());
        size_t capacity = 1;
        while (capacity < machine.pool_size)
            capacity *= 2;
        machine.ring.resize(capacity);
        machine.ring_mask = capacity - 1;
    }
    {
        Protection protection;
        run_protected(unsigned(size));
    }
    if (message[0])
    {
        // Threads stand where they failed: their stacks begin anew.
        machine.engine.clear();
        machine.idle_fibers.clear();
        for (auto fiber = machine.fibers.rbegin(); fiber != machine.fibers.rend(); ++fiber)
        {
            prepare(**fiber);
            machine.idle_fibers.push_back(fiber->get());
        }
        machine.free_meetings.clear();
        for (auto& meeting : machine.all_meetings)
            machine.free_meetings.push_back(meeting.get());
        for (size_t i = 0; i < machine.pool_size; i++)
            machine.pool[i] = Thread();
        return message;
    }
    say("kernel %s: ", kernel.name);
    return any_damaged() ? message : nullptr;
}

void* emulator_allocate(unsigned long long bytes)
{
    std::lock_guard<std::mutex> lock(gate);
    if (bytes > 1ull << 46)
        return nullptr;
    auto memory = static_cast<unsigned char*>(aligned_alloc(256, (bytes + 2 * ZONE + 255) / 256 * 256));
    if (!memory)
        return nullptr;
    unsigned char* start = memory + ZONE;
    memset(start, 0xff, bytes);
    for (unsigned k = 0; k < ZONE; k++)
        for (unsigned char* q : {start + bytes + k, start - 1 - k})
            *q = (unsigned char)(PATTERN >> reinterpret_cast<uintptr_t>(q) % 4 * 8);
    allocations()[start] = bytes;
    return start;
}

const char* emulator_free(void* pointer)
{
    std::lock_guard<std::mutex> lock(gate);
    message[0] = 0;
    auto allocation = allocations().find(static_cast<unsigned char*>(pointer));
    if (!pointer)
        return nullptr;
    if (allocation == allocations().end())
    {
        say("%p was not allocated, or was freed before", pointer);
        return message;
    }
    bool bad = damaged(allocation->first, allocation->second);
    memset(allocation->first, 0xff, allocation->second);
    free(allocation->first - ZONE);
    allocations().erase(allocation);
    return bad ? message : nullptr;
}

const char* emulator_check()
{
    std::lock_guard<std::mutex> lock(gate);
    message[0] = 0;
    return any_damaged() ? message : nullptr;
}

// The arguments and limits of cuTensorMapEncodeTiled; 0, or the CUresult 1 (invalid value) or 801 (not supported here).
int emulator_encode_tiled(void* target, int type, unsigned rank, void* address, const unsigned long long* extents, const unsigned long long* strides,
                          const unsigned* box, const unsigned* element_strides, int interleave, int swizzle, int promotion, int fill)
{
    static const uint8 sizes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4};
    (void)promotion;
    if (interleave != 0 || fill != 0 || swizzle > 3)
        return 801;
    if (type < 0 || type > 12 || rank < 1 || rank > 5 || swizzle < 0 || reinterpret_cast<uintptr_t>(address) % 16 || reinterpret_cast<uintptr_t>(target) % 64)
        return 1;
    TensorMap map = {};
    map.magic = MAP_MAGIC;
    map.base = static_cast<unsigned char*>(address);
    map.rank = uint8(rank);
    map.element = sizes[type];
    map.swizzle = uint8(swizzle);
    for (unsigned d = 0; d < rank; d++)
    {
        if (extents[d] == 0 || extents[d] > 0xffffffffull || box[d] == 0 || box[d] > 256)
            return 1;
        if (element_strides[d] != 1)
            return 801;
        map.extents[d] = uint32(extents[d]);
        map.box[d] = uint16(box[d]);
        if (d > 0 && (strides[d - 1] % 16 || strides[d - 1] >= 1ull << 40 || strides[d - 1] < (d == 1 ? extents[0] * map.element : strides[d - 2])))
            return 1;
        if (d > 0)
            map.strides[d - 1] = strides[d - 1];
    }
    unsigned row = box[0] * map.element;
    if (row % 16 || (swizzle && row > 16u << swizzle) || tile_bytes(map) > SHARED_LIMIT)
        return 1;
    memcpy(target, &map, sizeof map);
    return 0;
}

}  // extern "C"
