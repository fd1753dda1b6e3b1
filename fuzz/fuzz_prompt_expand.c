/* A prompt from a stranger through the optimizer, for every family: what comes out is valid, bounded, the same a second
 * time, and does not change when it is expanded again. The first byte of the input chooses the media. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "server/prompt/compose.h"
#include "server/prompt/expand.h"

static int expand(const struct prompt_expand_request *request, struct buf *out)
{
    static struct prompt_notes notes;
    conch_error err = {0};
    buf_init(out, PROMPT_EXPANDED_BYTES_MAX);
    int rc = prompt_expand(request, out, &notes, &err);
    if (rc < 0 && (err.code != rc || !err.text[0] || out->size))
        abort();
    for (size_t i = 0; rc == 0 && i < notes.count; i++)
        if (prompt_check(notes.notes[i].text, PROMPT_NOTE_BYTES, "note", NULL, &err) < 0)
            abort();
    return rc;
}

static void family_check(struct prompt_expand_request request)
{
    struct buf once, again;
    if (expand(&request, &once) == 0) {
        if (expand(&request, &again) < 0 || strcmp(once.data, again.data) != 0)
            abort();
        buf_finish(&again);
        if (prompt_check(once.data, PROMPT_EXPANDED_BYTES_MAX, "output", NULL, NULL) < 0)
            abort();
        if (request.family == PROMPT_FAMILY_WAN && compose_chars(once.data) > PROMPT_WAN_CHARS_MAX &&
            compose_chars(once.data) > compose_chars(request.text))
            abort();
        request.text = once.data;
        if (compose_chars(once.data) <= PROMPT_CHARS_MAX &&
            (expand(&request, &again) < 0 || strcmp(once.data, again.data) != 0))
            abort();
        buf_finish(&again);
    }
    buf_finish(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *prompt = malloc(size);
    if (!prompt)
        abort();
    memcpy(prompt, data + 1, size - 1);
    prompt[size - 1] = 0;
    bool references = data[0] & 1;
    for (int family = PROMPT_FAMILY_TINY; family <= PROMPT_FAMILY_H3; family++)
        family_check((struct prompt_expand_request){.family = (enum prompt_family)family,
                                                    .text = prompt,
                                                    .seconds = 1 + (data[0] >> 4),
                                                    .first_frame = !references && (data[0] & 2),
                                                    .last_frame = !references && (data[0] & 4),
                                                    .images = references && (data[0] & 2) ? 2 : 0,
                                                    .videos = references && (data[0] & 4) ? 1 : 0,
                                                    .audios = references && (data[0] & 6) ? 1 : 0,
                                                    .camera_commands = data[0] & 8});
    free(prompt);
    return 0;
}
