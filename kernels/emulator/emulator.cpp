// The emulated device's table of kernels, its launches with their protection, and the C functions by which it is driven.
#include "machine.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <ucontext.h>
#endif

uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

Machine machine;
std::mutex gate;
char message[2048];

static std::vector<Kernel>& kernels()
{
    static std::vector<Kernel> table;
    return table;
}

void add_kernel(const char* name, int threads, int together, Thunk thunk, const int* argument_bytes, int count)
{
    kernels().push_back({name, threads, together, thunk, {argument_bytes, argument_bytes + count}});
}

// ---------------------------------------------------------------- errors

void say(const char* format, ...)
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

// ---------------------------------------------------------------- running

namespace {

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
    }
    machine.cluster_arrived = machine.cluster_phase = 0;
    machine.live = size_t(size) * threads;
    machine.ring_first = machine.ring_count = 0;
    machine.fresh = machine.live;
    if (machine.order == RANDOM)
        while (machine.fresh > 0)
            push_back(start());
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

}  // namespace

}  // namespace emulator

// ---------------------------------------------------------------- the C functions

using namespace emulator;

extern "C" {

int emulator_count() { return int(kernels().size()); }
const char* emulator_name(int k) { return k < 0 || k >= emulator_count() ? nullptr : kernels()[size_t(k)].name; }
int emulator_threads(int k) { return k < 0 || k >= emulator_count() ? 0 : kernels()[size_t(k)].threads; }
// Writes the sizes of at most that many arguments; their count.
int emulator_argument_bytes(int k, int* sizes, int capacity)
{
    if (k < 0 || k >= emulator_count())
        return -1;
    const std::vector<int>& bytes = kernels()[size_t(k)].argument_bytes;
    for (int i = 0; i < capacity && i < int(bytes.size()); i++)
        sizes[i] = bytes[size_t(i)];
    return int(bytes.size());
}

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
        machine.queues.resize(machine.pool_size);
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
        {
            machine.pool[i].fiber = nullptr;
            machine.pool[i].waiting = nullptr;
            machine.queues[i] = Queues();
        }
        return message;
    }
    say("kernel %s: ", kernel.name);
    return any_damaged() ? message : nullptr;
}

}  // extern "C"
