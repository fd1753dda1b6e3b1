#include <cpuid.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/kernels/kern.h"

const struct kern_table *const kern_tables[] = {
#if defined(__x86_64__)
    &kern_amx,    &kern_avx512bf16,
    &kern_avx512, &kern_avx2,
#endif
    &kern_ref,    NULL};

/* Tile registers are 8 KB of state that Linux hands out only on request (arch_prctl, since 5.16). */
static bool amx_request(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static bool vendor_is_amd(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0, &a, &b, &c, &d) && b == signature_AMD_ebx;
}

unsigned kern_cpu_flags(void)
{
    unsigned flags = 0, a, b, c, d;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        flags |= KERN_CPU_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        flags |= KERN_CPU_AVX512;
    if ((flags & KERN_CPU_AVX512) && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 5))
        flags |= KERN_CPU_AVX512BF16 | (vendor_is_amd() ? KERN_CPU_FAST_BF16 : 0);
    if ((flags & KERN_CPU_AVX512) && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & 1u << 22) && (d & 1u << 24) &&
        amx_request())
        flags |= KERN_CPU_AMX;
    return flags;
}

const struct kern_table *kern_pick(unsigned flags, const char *limit)
{
    bool allowed = !limit || !*limit;
    for (size_t i = 0; kern_tables[i]; i++) {
        const struct kern_table *table = kern_tables[i];
        if (!allowed && strcmp(table->name, limit) == 0) {
            allowed = true;
            if (strcmp(limit, "avx512bf16") == 0)
                flags |= KERN_CPU_FAST_BF16; /* asked for by name: take it even where it is slow */
        }
        if (allowed && (table->needs & ~flags) == 0)
            return table;
    }
    return allowed ? &kern_ref : NULL;
}
