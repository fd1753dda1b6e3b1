/* fal's queue API as its clients see it: recorded exchanges (tests/wire/fal) played over a socket to the real server
 * with the real API and store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire_world.h"

#define PLAY(name)                                                                                                     \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        wire_world_play("fal", #name);                                                                                 \
    }
PLAY(requests)
PLAY(uploads)
PLAY(refusals)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(uploads),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("fal_wire", tests, wire_world_open, wire_world_close);
}
