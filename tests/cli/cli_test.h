/* What the tests of the command line share. */
#ifndef TESTS_CLI_CLI_TEST_H
#define TESTS_CLI_CLI_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conch/error.h"

/* The text of an error names all of these, up to NULL. */
static inline void assert_names(const conch_error *err, ...)
{
    va_list args;
    const char *part;
    va_start(args, err);
    while ((part = va_arg(args, const char *)))
        if (!strstr(err->text, part))
            fail_msg("'%s' does not name '%s'", err->text, part);
    va_end(args);
}

#endif
