// Bulk and tensor copies, and the tensor maps that they follow.
#include "machine.h"

namespace emulator {

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
template<class Copy> void issue_load(void* shared, uint64* barrier, unsigned blocks, const Copy& copy)
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

using namespace emulator;

extern "C" {

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
    if (swizzle && row < 16u << swizzle)
        return 801;
    memcpy(target, &map, sizeof map);
    return 0;
}

}  // extern "C"
