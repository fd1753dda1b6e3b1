/* Child processes that are to be there: our own program with other arguments, started again when they end.
 *
 * A child that ends is started again after 0.2 s, doubling up to 10 s; one that lived for a minute begins at 0.2 s
 * again. Not for several threads. Nothing here catches signals: the owner calls supervise_look now and then, a few
 * times a second, which reaps and restarts. Only children of its own are reaped. A child gets an empty signal mask,
 * default handlers, and /dev/null as its input; output and errors are shared. */
#ifndef SERVER_QUEUE_SUPERVISE_H
#define SERVER_QUEUE_SUPERVISE_H

#include <sys/types.h>

#include "conch/error.h"

enum { SUPERVISE_CHILDREN_MAX = 16, SUPERVISE_FIRST_MS = 200, SUPERVISE_MOST_MS = 10000, SUPERVISE_STEADY_MS = 60000 };

struct supervise;

int supervise_create(struct supervise **ret_supervise, conch_error *err);

/* Another program than our own; before the first start. Borrowed. */
void supervise_program(struct supervise *supervise, const char *path);

/* Starts a child and keeps it there. name: for the log. arguments: those after the program's name, NULL at the end;
 * copied. CONCH_ERR_LIMIT, CONCH_ERR_NOMEM; CONCH_ERR_IO: it could not be started the first time. */
int supervise_start(struct supervise *supervise, const char *name, const char *const *arguments, conch_error *err);

/* Reaps children that ended, starts those whose wait is over. */
void supervise_look(struct supervise *supervise);

/* 0: not running now, or not known. */
pid_t supervise_pid(const struct supervise *supervise, const char *name);

/* SIGTERM to all, and SIGKILL to those still there after grace_ms; returns when all are gone. Takes NULL. */
void supervise_destroy(struct supervise *supervise, int grace_ms);

#endif
