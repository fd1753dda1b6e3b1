/* How much memory there is, and how much this process holds. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdint.h>

/* What can still be used without swapping: the system's MemAvailable, or what a cgroup limit leaves, whichever is less. */
uint64_t memory_available_bytes(void);

/* Resident set of this process now: what ps and top call RSS. */
uint64_t memory_resident_bytes(void);

#endif
