#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint64_t meminfo_available(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char line[128];
    uint64_t kb = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %" SCNu64, &kb) == 1)
            break;
    if (file)
        fclose(file);
    return kb ? kb * 1024 : UINT64_MAX;
}

static uint64_t number_in_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    uint64_t value = UINT64_MAX; /* also for "max" */
    if (file && fscanf(file, "%" SCNu64, &value) != 1)
        value = UINT64_MAX;
    if (file)
        fclose(file);
    return value;
}

/* Pages of files that a cgroup is charged for: after reading weights they can be most of what it "uses". */
static uint64_t file_pages(const char *folder)
{
    char path[4096], line[128];
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    FILE *file = fopen(path, "re");
    uint64_t sum = 0, value;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "inactive_file %" SCNu64, &value) == 1 || sscanf(line, "active_file %" SCNu64, &value) == 1)
            sum += value;
    if (file)
        fclose(file);
    return sum;
}

uint64_t memory_left_in_cgroup(const char *folder)
{
    uint64_t limit = number_in_file(folder, "memory.max"), used = number_in_file(folder, "memory.current");
    if (limit == UINT64_MAX || used == UINT64_MAX)
        return UINT64_MAX;
    uint64_t pages = file_pages(folder);
    used = used > pages ? used - pages : 0;
    return limit > used ? limit - used : 0;
}

uint64_t memory_available_bytes(void)
{
    uint64_t available = meminfo_available(), left = memory_left_in_cgroup("/sys/fs/cgroup");
    return left < available ? left : available;
}

uint64_t memory_resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    uint64_t total = 0, resident = 0;
    if (file && fscanf(file, "%" SCNu64 " %" SCNu64, &total, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
