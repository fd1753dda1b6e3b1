/* The subcommands: one file each, one row each. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdio.h>

#include "cli/option.h"

struct command {
    const char *name;
    const char *arguments; /* of the usage line */
    const char *summary;   /* one line */
    const char *details;   /* for its own help, after the options; NULL: none */
    const struct option *options;
    int (*run)(int argc,
               const char *const *argv); /* argv[0] is the first word after the command; returns the exit code */
};

extern const struct command command_generate, command_models, command_doctor, command_version, command_help,
    command_serve, command_worker, command_submit, command_status, command_wait, command_fetch, command_cancel,
    command_jobs, command_keys, command_credits, command_studio, command_mcp, command_backup;

extern const struct command *const commands[]; /* ends with NULL */

const struct command *command_find(const char *name);

/* "unknown command X; did you mean Y?" on stderr; returns the exit code. */
int command_unknown(const char *name);

/* The first of the words of a command that has verbs: *ret is its index in verbs. CONCH_ERR_RANGE names them. */
int command_verb(const char *command, const struct option_words *words, const char *const *verbs, size_t count,
                 size_t *ret, conch_error *err);

void command_print_help(const struct command *command, FILE *out);
void command_print_overview(FILE *out);

/* Prints err and returns its exit code. */
int command_fail(const conch_error *err);

#endif
