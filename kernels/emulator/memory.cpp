// Shared memory with guard zones, and allocations with red zones.
#include "machine.h"

#include <map>

#include <sys/mman.h>

namespace emulator {

unsigned launch_number;
unsigned char* arena;

// The pattern of bytes [begin, begin + 2048) of a zone.
static const unsigned char* pattern(uintptr_t begin)
{
    static const std::vector<unsigned> words(513, PATTERN);
    return reinterpret_cast<const unsigned char*>(words.data()) + begin % 4;
}

void fill_zone(unsigned char* base, unsigned begin, unsigned end) { memcpy(base + begin, pattern(begin), end - begin); }

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
    {
        const unsigned char *bytes = block.arena + zone.begin, *right = pattern(zone.begin);
        unsigned length = zone.end - zone.begin, first = 0, last = length - 1;
        if (memcmp(bytes, right, length) == 0)
            continue;
        while (bytes[first] == right[first])
            first++;
        while (bytes[last] == right[last])
            last--;
        message[0] = 0;
        say_block(block.index);
        if (zone.after && (!zone.before || length - 1 - last < first))
            say(": a write %u bytes before the shared array %s", length - last, zone.after);
        else
            say(": a write at byte %u behind the end of the shared array %s", first, zone.before);
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

// ---------------------------------------------------------------- allocations

namespace {

std::map<unsigned char*, uint64>& allocations()
{
    static std::map<unsigned char*, uint64> table;
    return table;
}

void fill_red_zones(unsigned char* start, uint64 bytes)
{
    for (unsigned char* zone : {start - ZONE, start + bytes})
        memcpy(zone, pattern(reinterpret_cast<uintptr_t>(zone)), ZONE);
}

// Looks for damage in the red zones of an allocation, repairs and tells it. The zone behind begins right at its end, aligned or not.
bool damaged(unsigned char* start, uint64 bytes)
{
    for (unsigned char* zone : {start + bytes, start - ZONE})
    {
        const unsigned char* right = pattern(reinterpret_cast<uintptr_t>(zone));
        if (memcmp(zone, right, ZONE) == 0)
            continue;
        unsigned first = 0, last = ZONE - 1;
        while (zone[first] == right[first])
            first++;
        while (zone[last] == right[last])
            last--;
        if (zone == start + bytes)
            say("a write at byte %u behind the end of an allocation of %llu bytes", first, bytes);
        else
            say("a write %u bytes before an allocation of %llu bytes", ZONE - last, bytes);
        fill_red_zones(start, bytes);
        return true;
    }
    return false;
}

}  // namespace

bool any_damaged()
{
    for (auto& allocation : allocations())
        if (damaged(allocation.first, allocation.second))
            return true;
    return false;
}

}  // namespace emulator

using namespace emulator;

extern "C" {

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
    fill_red_zones(start, bytes);
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

}  // extern "C"
