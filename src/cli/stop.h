/* Ctrl-C and its like. SIGINT, SIGTERM and SIGHUP ask the running generation to stop; nothing is killed in the middle
 * of a file. */
#ifndef CLI_STOP_H
#define CLI_STOP_H

#include "conch/engine.h"

/* From now on those signals are caught, unless they were ignored; SIGPIPE and SIGXFSZ become errors of the write. */
void stop_install(void);

/* The engine that a signal cancels; NULL: none. One at a time. */
void stop_set_engine(conch_engine *engine);

/* The signal that asked to stop; 0: none came. */
int stop_signal(void);

/* CONCH_ERR_CANCELLED once a signal came, else 0. */
int stop_check(conch_error *err);

#endif
