#include "base/crash.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_once_t crash_once = PTHREAD_ONCE_INIT;
static bool crash_wanted;      /* written once */
static atomic_long calls_left; /* the call that takes it to zero is the last */

static void crash_read(void)
{
    const char *text = getenv("CONCH_CRASH_AT");
    char *end = NULL;
    long number = text != NULL ? strtol(text, &end, 10) : 0;
    if (number < 1 || *end != '\0')
        return;
    atomic_store(&calls_left, number);
    crash_wanted = true;
}

void crash_point(void)
{
    pthread_once(&crash_once, crash_read);
    if (!crash_wanted || atomic_fetch_sub(&calls_left, 1) != 1)
        return;
    kill(getpid(), SIGKILL);
    for (;;)
        pause(); /* the signal may reach another thread first */
}
