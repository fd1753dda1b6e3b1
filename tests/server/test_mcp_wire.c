/* MCP over HTTP as its clients see it: recorded exchanges (tests/wire/mcp) played over a socket to the real server with
 * the real API and store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire_world.h"

#define PLAY(name)                                                                                                     \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        wire_world_play("mcp", #name);                                                                                 \
    }
PLAY(calls)
PLAY(refusals)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("mcp_wire", tests, wire_world_open, wire_world_close);
}
