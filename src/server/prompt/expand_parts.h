/* What expand.c and the three families share. Inside this folder only. */
#ifndef SERVER_PROMPT_EXPAND_PARTS_H
#define SERVER_PROMPT_EXPAND_PARTS_H

#include <stdint.h>

#include "server/prompt/camera.h"
#include "server/prompt/expand.h"
#include "server/prompt/lexicon.h"

/* One expansion under way. text is the prompt without camera commands (they are in camera), folded its common form. */
struct expansion {
    const struct prompt_expand_request *request;
    const char *text;
    const char *folded;
    const struct camera_plan *camera;
    uint64_t hash; /* of folded: what chooses where the prompt leaves a choice */
    bool chinese;
    struct prompt_notes *notes;
};

/* Each appends to an empty out. */
int expand_tiny(const struct expansion *expansion, struct buf *out, conch_error *err);
int expand_wan(const struct expansion *expansion, struct buf *out, conch_error *err);
int expand_h3(const struct expansion *expansion, struct buf *out, conch_error *err);

/* Adds a note; more than PROMPT_NOTES_MAX are dropped, and a text that is too long is cut between characters. */
void note_add(struct prompt_notes *notes, enum prompt_note_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A number below count that depends on the prompt and on what is chosen ("floor"). */
size_t choice(const struct expansion *expansion, const char *what, size_t count);

/* ---- scenes in general (scene_words.c), for wan and h3 ---- */

enum scene_kind {
    SCENE_CAMERA,  /* the prompt says how it is filmed */
    SCENE_MOTION,  /* ... that something moves */
    SCENE_LIGHT,   /* ... what the light is like */
    SCENE_STYLE,   /* ... what it looks like */
    SCENE_PLACE,   /* ... where it is; value: enum scene_place */
    SCENE_SOUND,   /* something that is heard; value: enum scene_sound of sounds.h, extra: SOUND_MOVES or 0 */
    SCENE_PLACED,  /* a place that is heard: both; value: the sound, extra: the place */
    SCENE_MUSIC,   /* music is asked for; value: enum scene_music */
    SCENE_SILENCE, /* no sound is wanted */
};
enum { SOUND_MOVES = 1 }; /* the word says as well that something moves */
enum scene_place { PLACE_OUTSIDE, PLACE_INSIDE, PLACE_NIGHT };
enum scene_music {
    MUSIC_NONE,
    MUSIC_PIANO,
    MUSIC_ORCHESTRA,
    MUSIC_ELECTRONIC,
    MUSIC_ACOUSTIC,
    MUSIC_JAZZ,
    MUSIC_ANY,
    MUSIC_SAD,
    MUSIC_TENSE,
    MUSIC_CHEERFUL,
    MUSIC_EPIC,
    MUSIC_ROCK
};

extern const struct lexicon scene_lexicon;

/* What a text leaves open, as sentences after `out`, each while the whole stays within chars_max characters. Camera
 * commands are said as words unless `keep_commands`. */
int scene_complete(const struct expansion *expansion, const char *folded, bool keep_commands, size_t chars_max,
                   struct buf *out, conch_error *err);

#endif
