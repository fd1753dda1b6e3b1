/* A folder of its own for each test that needs a database file. */
#ifndef TESTS_SERVER_STORE_TEST_H
#define TESTS_SERVER_STORE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

int scratch_setup(void **state);
int scratch_teardown(void **state);
const char *scratch_path(void); /* of the database, which is not there yet */

#define scratch_test(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

#endif
