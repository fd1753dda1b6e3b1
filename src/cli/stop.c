#include "cli/stop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/base.h"

static volatile sig_atomic_t caught;
static _Atomic(conch_engine *) running;

static void on_signal(int number)
{
    caught = number;
    conch_engine *engine = atomic_load(&running);
    if (engine)
        conch_engine_cancel(engine);
}

void stop_install(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct sigaction old;
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) /* nohup, background jobs */
            sigaction(numbers[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN); /* a closed reader, or a file above `ulimit -f`, is an error of the write */
    signal(SIGXFSZ, SIG_IGN);
}

void stop_set_engine(conch_engine *engine)
{
    atomic_store(&running, engine);
    if (engine && caught) /* it came before there was anything to stop */
        conch_engine_cancel(engine);
}

int stop_signal(void)
{
    return caught;
}

int stop_check(conch_error *err)
{
    return caught ? conch_error_set(err, CONCH_ERR_CANCELLED, "stopped") : 0;
}
