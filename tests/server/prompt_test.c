#include "prompt_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct buf text;
struct prompt_notes notes;
conch_error err;

int text_open(void **state)
{
    buf_init(&text, PROMPT_EXPANDED_BYTES_MAX);
    return 0;
}

int text_close(void **state)
{
    buf_finish(&text);
    return 0;
}

const char *expand(struct prompt_expand_request request)
{
    if (prompt_expand(&request, &text, &notes, &err) < 0)
        fail_msg("%s", err.text);
    return text.data;
}
