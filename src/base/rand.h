/* Random numbers that depend on a seed and a position alone, so any part of a sequence can be made by any thread.
 *
 * Philox 4x32 with 10 rounds (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011). */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

/* Four words of the stream `seed` at position `block`. */
void rand_block(uint32_t out[4], uint64_t seed, uint64_t block);

/* out[0..count): standard normal values number 0.. of the stream (Box-Muller, in double, rounded to f32). */
void rand_normals(float *out, size_t count, uint64_t seed);

/* A seed nobody chose, from the system's generator. */
uint64_t rand_seed(void);

#endif
