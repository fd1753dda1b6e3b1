/* The exit codes of the program, in one table: for main, --help and docs/cli.md. They do not change between versions.
 */
#ifndef CLI_EXIT_CODE_H
#define CLI_EXIT_CODE_H

#include <stdio.h>

#include "conch/error.h"

enum { EXIT_USAGE = 2, EXIT_INTERNAL = 70, EXIT_SIGNAL = 128 };

/* For a result of the library; CONCH_ERR_CANCELLED gives EXIT_SIGNAL + the signal that was caught. */
int exit_code_of(int code);

void exit_code_print(FILE *out);

#endif
