/* The exit codes of the program, in one table: for main, --help and docs/cli.md. They do not change between versions.
 */
#ifndef CLI_EXIT_CODE_H
#define CLI_EXIT_CODE_H

#include <stdio.h>

#include "conch/error.h"

enum { EXIT_USAGE = 2, EXIT_INTERNAL = 70, EXIT_SIGNAL = 128 };

/* What goes wrong with a server, beside the codes of conch/error.h. */
enum cli_code {
    CLI_ERR_NO_SERVER = -101, /* nothing answers there, or the connection broke */
    CLI_ERR_KEY = -102,       /* no key, a wrong one, or one that may not do this */
    CLI_ERR_REFUSED = -103,   /* understood and refused: balance, limits, policy, state */
    CLI_ERR_JOB = -104,       /* the job failed, was blocked or cancelled */
};

/* For a result of the library; CONCH_ERR_CANCELLED gives EXIT_SIGNAL + the signal that was caught. */
int exit_code_of(int code);

/* conch_error_word, which knows the codes above too. */
const char *exit_code_word(int code);

void exit_code_print(FILE *out);

#endif
