/* The OpenAI Videos API as its clients see it: recorded exchanges (tests/wire/openai) played over a socket to the real
 * server with the real API and store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire_world.h"

#define PLAY(name)                                                                                                     \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        wire_world_play("openai", #name);                                                                              \
    }
PLAY(jobs)
PLAY(servers)
PLAY(refusals)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs),
        cmocka_unit_test(servers),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("openai_wire", tests, wire_world_open, wire_world_close);
}
