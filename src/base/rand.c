#include "base/rand.h"

#include <math.h>
#include <sys/random.h>

#include "base/clock.h"

void rand_block(uint32_t out[4], uint64_t seed, uint64_t block)
{
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0, 0};
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ key0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ key1,
                            (uint32_t)p0};
        for (int i = 0; i < 4; i++)
            c[i] = next[i];
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; i++)
        out[i] = c[i];
}

void rand_normals(float *out, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i += 4) {
        uint32_t words[4];
        rand_block(words, seed, i / 4);
        for (size_t pair = 0; pair < 4 && i + pair < count; pair += 2) {
            double radius = sqrt(-2 * log(((double)words[pair] + 0.5) / 4294967296.0)); /* + 0.5: never log(0) */
            double angle = 2 * M_PI * (((double)words[pair + 1] + 0.5) / 4294967296.0);
            out[i + pair] = (float)(radius * cos(angle));
            if (i + pair + 1 < count)
                out[i + pair + 1] = (float)(radius * sin(angle));
        }
    }
}

uint64_t rand_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = (uint64_t)clock_steady_ns() * 0x9E3779B97F4A7C15u;
    return seed & 0x1fffffffffffff; /* 53 bits: a seed survives a trip through JSON readers that use doubles */
}
