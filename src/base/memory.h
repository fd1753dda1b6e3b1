/* How much memory there is, and how much this process holds. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdint.h>

/* What can still be used without swapping: the system's MemAvailable, or what a cgroup limit leaves, whichever is less.
 */
uint64_t memory_available_bytes(void);

/* What a cgroup (version 2; folder: where its files are) leaves: its limit less what it holds, not counting pages of
 * files, which the system drops when memory is wanted. UINT64_MAX: no limit. */
uint64_t memory_left_in_cgroup(const char *folder);

/* Resident set of this process now: what ps and top call RSS. */
uint64_t memory_resident_bytes(void);

#endif
