/* A prompt from a stranger through the clean-up: what comes out is valid, tidy, and does not change a second time. */
#include <stdlib.h>
#include <string.h>

#include "engine/text/clean.h"
#include "engine/text/limits.h"
#include "engine/text/utf8.h"
#include "fuzz.h"

static const char *text_of(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

static void tidy_check(const struct buf *clean)
{
    const char *text = text_of(clean);
    if (strlen(text) != clean->size || utf8_check(text, clean->size, "output", CONCH_ERR_INTERNAL, NULL) < 0)
        abort();
    if (strstr(text, "  ") || strpbrk(text, "\t\n\v\f\r"))
        abort();
    if (clean->size && (text[0] == ' ' || text[clean->size - 1] == ' '))
        abort();
}

/* With a tag, the lines before it depend on where lines end, and that is one of the things fixed. */
static void fix_check(const char *prompt)
{
    struct buf once, twice;
    buf_init(&once, NORMALIZED_BYTES_MAX);
    buf_init(&twice, NORMALIZED_BYTES_MAX);
    if (!strchr(prompt, '<') && text_fix(prompt, &once, NULL) == 0 && text_fix(text_of(&once), &twice, NULL) == 0 &&
        strcmp(text_of(&once), text_of(&twice)) != 0)
        abort();
    buf_finish(&once);
    buf_finish(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *prompt = malloc(size + 1);
    struct buf clean;
    conch_error err = {0};
    if (!prompt)
        abort();
    if (size)
        memcpy(prompt, data, size);
    prompt[size] = 0;
    buf_init(&clean, NORMALIZED_BYTES_MAX);
    if (text_clean(prompt, &clean, &err) == 0) {
        tidy_check(&clean);
        fix_check(prompt);
    } else if (!err.text[0]) {
        abort();
    }
    if (text_unescape_and_collapse(prompt, &clean, NULL) == 0)
        tidy_check(&clean);
    buf_finish(&clean);
    free(prompt);
    return 0;
}
