/* The prompt optimizer by rules: turns a thin prompt into the form a model was trained on. Deterministic and without a
 * model: the same request gives the same bytes, on every machine; an expanded text comes out as it went in.
 *
 *   conch/tiny   one sentence in the words of its training captions. Its world has balls, cubes and balloons, eight
 *                colours, five floors, three skies; what a prompt names beyond that is replaced by the nearest thing,
 * what it leaves open is chosen by a hash of the text, and both are said in the notes. wan          the user's words
 * first, then what they leave open: motion, setting, camera, light, style, each one neutral sentence, at most
 * PROMPT_WAN_CHARS_MAX characters. In Chinese for a Chinese prompt. h3           the labelled passages of MiniMax-H3
 * ("context"), with shots, dialogue, sounds and music.
 *
 * English and Chinese are understood. Nothing here judges a prompt (policy.h) or reads the sandbox's words
 * (rehearse.h).
 */
#ifndef SERVER_PROMPT_EXPAND_H
#define SERVER_PROMPT_EXPAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "conch/error.h"
#include "server/prompt/check.h"

enum prompt_family { PROMPT_FAMILY_TINY, PROMPT_FAMILY_WAN, PROMPT_FAMILY_H3 };

enum {
    PROMPT_WAN_CHARS_MAX = 1800,         /* about the 512 tokens that its text encoder reads */
    PROMPT_EXPANDED_BYTES_MAX = 1 << 20, /* an expanded text is never longer */
    PROMPT_SECONDS_MAX = 600,
    PROMPT_IMAGES_MAX = 9,
    PROMPT_VIDEOS_MAX = 3,
    PROMPT_AUDIOS_MAX = 3,
};

struct prompt_expand_request {
    enum prompt_family family;
    const char *text; /* UTF-8, borrowed */
    double seconds;   /* length of the clip; h3 needs it (above 0), the others ignore it */
    bool first_frame; /* a picture is given for the first frame */
    bool last_frame;  /* ... for the last one */
    size_t images;    /* references of each sort; not together with frames */
    size_t videos, audios;
    bool camera_commands; /* the model honours bracket commands: leave them in the text (wan, h3) */
};

enum prompt_note_kind {
    PROMPT_NOTE_FILLED,   /* the prompt left it open */
    PROMPT_NOTE_REPLACED, /* the model does not know it: something else stands in */
    PROMPT_NOTE_IGNORED   /* it could not be used at all */
};

enum { PROMPT_NOTES_MAX = 24, PROMPT_NOTE_BYTES = 200 };

/* What was done to the prompt and why, for people: whole sentences without a full stop, in English. */
struct prompt_notes {
    struct {
        enum prompt_note_kind kind;
        char text[PROMPT_NOTE_BYTES];
    } notes[PROMPT_NOTES_MAX];
    size_t count;
};

/* "conch/tiny", "wan", "h3". */
const char *prompt_family_name(enum prompt_family family);

/* Replaces ret_text (initialised by the caller, size_max at most PROMPT_EXPANDED_BYTES_MAX counts) and *ret_notes.
 *   CONCH_ERR_RANGE  text is not UTF-8 or has control characters; seconds or a number of media out of range, named
 *   CONCH_ERR_LIMIT  more than PROMPT_CHARS_MAX characters, too many camera commands
 *   CONCH_ERR_NOMEM
 * An empty text is a prompt that leaves everything open: it is expanded too, except for wan and h3 with no picture,
 * where it is CONCH_ERR_RANGE. */
int prompt_expand(const struct prompt_expand_request *request, struct buf *ret_text, struct prompt_notes *ret_notes,
                  conch_error *err);

#endif
