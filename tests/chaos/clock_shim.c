/* For tests: a library to be preloaded that moves the clock of the day. The file named by CONCH_TEST_CLOCK holds by how
 * many milliseconds, as an int64; it is mapped, so that a test can move the clock while the program runs. */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const volatile int64_t *moved_ms;
static int (*real_gettime)(clockid_t clock, struct timespec *ret);

static void begin(void)
{
    const char *path = getenv("CONCH_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0)
        close(file);
    if (map != MAP_FAILED)
        moved_ms = map;
    *(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
}

static int64_t day_ns(void)
{
    struct timespec t;
    real_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec + (moved_ms ? *moved_ms * 1000000 : 0);
}

SHOWN int clock_gettime(clockid_t clock, struct timespec *ret)
{
    pthread_once(&once, begin);
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
        return real_gettime(clock, ret);
    int64_t ns = day_ns();
    *ret = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    return 0;
}

SHOWN int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    pthread_once(&once, begin);
    int64_t ns = day_ns();
    *ret = (struct timeval){.tv_sec = ns / 1000000000, .tv_usec = ns % 1000000000 / 1000};
    return 0;
}

SHOWN time_t time(time_t *ret)
{
    pthread_once(&once, begin);
    time_t seconds = day_ns() / 1000000000;
    if (ret)
        *ret = seconds;
    return seconds;
}
