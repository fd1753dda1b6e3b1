/* From a serve_source to a configuration and to the data folder: what serve, worker and doctor share. */
#ifndef SERVER_SERVE_SOURCE_H
#define SERVER_SERVE_SOURCE_H

#include "conch/error.h"
#include "server/config.h"
#include "server/serve/serve.h"

/* Errors of config_load; CONCH_ERR_RANGE for an override without '='. */
int source_config(const struct serve_source *source, struct config *ret_config, conch_error *err);

/* malloc'ed "DATA/NAME". */
int source_path(const struct config *config, const char *name, char **ret_path, conch_error *err);

/* The arguments after the program's name that give another process of ours the same source:
 * "worker", "--kind", KIND, "--config", ... ending in NULL. Pointers into source and kind; free the array. */
int source_worker_arguments(const struct serve_source *source, const char *kind, const char *data,
                            const char ***ret_arguments, conch_error *err);

#endif
