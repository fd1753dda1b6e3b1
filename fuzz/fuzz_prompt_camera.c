/* Camera commands and the sandbox's words in a prompt from a stranger: nothing of them is left behind, and a prompt
 * without them keeps its bytes. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "server/prompt/camera.h"
#include "server/prompt/check.h"
#include "server/prompt/rehearse.h"

static const char *text_of(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

static void camera_check(const char *prompt)
{
    static struct camera_plan plan, again;
    struct buf plain, rest;
    conch_error err = {0};
    buf_init(&plain, PROMPT_BYTES_MAX);
    buf_init(&rest, PROMPT_BYTES_MAX);
    if (camera_parse(prompt, &plan, &plain, &err) == 0) {
        if (prompt_check(text_of(&plain), PROMPT_CHARS_MAX, "output", NULL, NULL) < 0)
            abort();
        if (!plan.group_count && strcmp(text_of(&plain), prompt) != 0)
            abort();
        for (size_t i = 0; i < plan.unknown_count; i++)
            if (prompt_check(plan.unknown[i], PROMPT_CHARS_MAX, "unknown", NULL, NULL) < 0)
                abort();
        if (camera_parse(text_of(&plain), &again, &rest, NULL) < 0 || again.group_count)
            abort();
        if (prompt_camera_words(prompt, &rest, NULL) < 0)
            abort();
        if (plan.group_count ? !strstr(text_of(&rest), "amera ") && !strstr(text_of(&rest), "镜头")
                             : strcmp(text_of(&rest), prompt) != 0)
            abort();
    } else if (err.code != CONCH_ERR_LIMIT || !err.text[0]) {
        abort();
    }
    buf_finish(&plain);
    buf_finish(&rest);
}

static void rehearse_check(const char *prompt)
{
    struct rehearsal asked;
    struct buf rest;
    conch_error err = {0};
    buf_init(&rest, PROMPT_BYTES_MAX);
    if (rehearse_parse(prompt, &asked, &rest, &err) == 0) {
        if (strlen(text_of(&rest)) > strlen(prompt) || asked.slow_seconds > REHEARSE_SLOW_SECONDS_MAX)
            abort();
    } else if (!err.text[0]) {
        abort();
    }
    buf_finish(&rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *prompt = malloc(size + 1);
    if (!prompt)
        abort();
    if (size)
        memcpy(prompt, data, size);
    prompt[size] = 0;
    if (prompt_check(prompt, PROMPT_CHARS_MAX, "prompt", NULL, NULL) == 0) {
        camera_check(prompt);
        rehearse_check(prompt);
    }
    free(prompt);
    return 0;
}
