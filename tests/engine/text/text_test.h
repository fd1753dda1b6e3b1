/* What the tests of this folder share: paths of data files and a check that prints both texts. */
#ifndef TESTS_ENGINE_TEXT_TEXT_TEST_H
#define TESTS_ENGINE_TEXT_TEXT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "conch/error.h"

/* A path below the repository root; valid until the next call. */
static inline const char *data_path(const char *relative)
{
    static char path[4096];
    const char *root = getenv("CONCH_TEST_ROOT");
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", relative);
    return path;
}

/* Fails unless rc is code and the error text holds what the user must learn from it. */
static inline void assert_refused(int rc, int code, const conch_error *err, const char *word)
{
    if (rc != code || !strstr(err->text, word))
        fail_msg("expected code %d and \"%s\", got %d: %s", code, word, rc, err->text);
}

#endif
