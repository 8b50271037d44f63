// The state of the emulated device and what its parts share. What it does and finds is told in emulator.h.
//
// Letters: a team is the set of blocks that run at once: one block, a cluster, or the grid of a cooperative kernel. The ring holds the threads that
// can run; a thread that waits is in no ring, and whoever ends its wait puts it back. A fiber is a stack: a thread takes one when it starts, and a
// fiber whose thread left runs the next thread without a switch, so that kernels that never wait run on one stack.
#pragma once

#include "common.cuh"

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include <pthread.h>
#include <setjmp.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#pragma GCC visibility push(hidden)

namespace emulator {

constexpr size_t STACK = 64 << 10, GUARD_PAGE = 4 << 10;   // GUARD_PAGE is widened to the host's page
constexpr size_t ARENA = 256 << 10, ARENA_SPAN = 1 << 20;  // usable bytes; distance and alignment
constexpr unsigned SHARED_LIMIT = 232448;                  // bytes of shared memory that a block may have on sm_90
constexpr unsigned ZONE = 256;                             // bytes of a guard zone
constexpr unsigned PATTERN = 0xfffa5a5a;                   // what zones hold: NaN as float and as double
constexpr size_t THREAD_LIMIT = 16384;                     // of a team
constexpr unsigned POLL_LIMIT = 20000;                     // rounds in which everybody only polls
constexpr int SECONDS_LIMIT = 120;                         // of a launch

enum Order { FORWARD, REVERSE, RANDOM };

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

struct alignas(64) Thread
{
    unsigned index;
    bool exited, deferred;  // deferred: its queues were used
    Block* block;
    Fiber* fiber;
    const void* waiting;  // what for: the address of a barrier or meeting; null when it can run
    const char* what;
    Site site;
    unsigned cluster_phase;
};

struct Queues
{
    Operations of[2];  // COPIES, BULK
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
    std::vector<int> argument_bytes;
};

struct Zone
{
    unsigned begin, end;
    const char *before, *after;  // the arrays on both sides
};

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
    std::vector<Queues> queues;  // by the thread's place in the pool
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
    size_t fresh = 0;  // threads that have not begun and are not in the ring: the last ones in the order
    uint64 polls = 0;  // yields since anything else happened
    std::vector<std::function<void()>> engine;
    bool in_engine = false;

    std::vector<Meeting*> free_meetings;
    std::vector<std::unique_ptr<Meeting>> all_meetings;

    sigjmp_buf exit;
    pthread_t host_thread;
    volatile bool running = false;
};

extern Machine machine;
extern std::mutex gate;  // one launch, allocation or check at a time
extern char message[2048];

// ---------------------------------------------------------------- errors

__attribute__((format(printf, 1, 2))) void say(const char* format, ...);  // adds to the message
void say_block(const uint3& index);
void say_who();
[[noreturn]] void leave();  // ends the launch with the message

inline uint64 next_random()
{
    machine.random ^= machine.random >> 12;
    machine.random ^= machine.random << 25;
    machine.random ^= machine.random >> 27;
    return machine.random * 0x2545f4914f6cdd1dull;
}

inline unsigned below(size_t count) { return unsigned((next_random() >> 32) * count >> 32); }

// Whether a deferred operation runs at once.
inline bool eager() { return machine.order == REVERSE || (machine.order == RANDOM && next_random() >> 63); }

inline const char* stem(const char* file)
{
    const char* slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

inline bool same(const Site& a, const Site& b) { return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0); }

// ---------------------------------------------------------------- the scheduler

inline void push_back(Thread* thread)
{
    machine.ring[(machine.ring_first + machine.ring_count++) & machine.ring_mask] = thread;
}

inline void push_front(Thread* thread)
{
    machine.ring_first = (machine.ring_first - 1) & machine.ring_mask;
    machine.ring[machine.ring_first] = thread;
    machine.ring_count++;
}

inline void make_ready(Thread* thread)
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

inline Queues& queues_of(const Thread& thread) { return machine.queues[size_t(&thread - machine.pool.get())]; }

void prepare(Fiber& fiber);
Thread* start();
Thread* pick();
void resume(Thread* thread, Fiber& from);
void run_engine();
void suspend(const char* what, const Site& site);  // runs others until this thread is in front of the ring
void wait_for(const void* event, const char* what, const Site& site);
void thread_left();  // what the leaving of the thread that runs means for those that wait

// ---------------------------------------------------------------- shared memory

unsigned place_array(const char* name, unsigned bytes, unsigned alignment, bool dynamic);
void fill_zone(unsigned char* base, unsigned begin, unsigned end);
void check_zones(const Block& block);
unsigned char* take_arena(size_t k);
Block& block_of(const void* pointer);
bool any_damaged();  // looks at the red zones of all allocations, tells and repairs

template<class T> T& at(void* const* lanes, int lane) { return *static_cast<T*>(lanes[lane]); }

template<class Action> void each(unsigned mask, Action action)
{
    for (; mask; mask &= mask - 1)
        action(__builtin_ctz(mask));
}

}  // namespace emulator

#pragma GCC visibility pop
