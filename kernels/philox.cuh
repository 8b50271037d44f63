// Philox4x32-10, the same bits as src/RawDL/Random/Philox.cs. Source: Salmon, Moraes, Dror and Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011.
#pragma once
#include "common.cuh"

struct PhiloxBlock { uint32 words[4]; };

DEVICE PhiloxBlock philox(uint64 seed, uint64 stream, uint64 counter)
{
    uint32 x = uint32(counter), y = uint32(counter >> 32), z = uint32(stream), w = uint32(stream >> 32);
    uint32 k0 = uint32(seed), k1 = uint32(seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++)
    {
        uint32 low0 = 0xD2511F53u * x, high0 = __umulhi(0xD2511F53u, x), low1 = 0xCD9E8D57u * z, high1 = __umulhi(0xCD9E8D57u, z);
        x = high1 ^ y ^ k0;
        y = low1;
        z = high0 ^ w ^ k1;
        w = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return {{x, y, z, w}};
}

// Uniform in [0, 1), multiples of 2⁻²⁴.
DEVICE float uniform(uint32 word) { return float(word >> 8) * (1.0f / (1 << 24)); }
