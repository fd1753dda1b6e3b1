/* A scene of conch/tiny on its way from the prompt's words to one sentence. Inside this folder only. */
#ifndef SERVER_PROMPT_TINY_SCENE_H
#define SERVER_PROMPT_TINY_SCENE_H

#include <string.h>

#include "base/base.h"
#include "server/prompt/expand_parts.h"
#include "server/prompt/tiny_words.h"

enum { OPEN = -1, THINGS_MAX = 2, NOUNS_MAX = 16 };

/* A thing as the prompt names it. */
struct noun {
    const struct lexicon_hit *hit;
    int color, size; /* or OPEN */
    bool color_is_near;
    const struct lexicon_hit *color_hit;
};

/* OPEN stands for whatever the prompt does not say. */
struct scene {
    struct noun nouns[NOUNS_MAX];
    size_t noun_count;
    struct noun loose; /* colour and size that belong to no known thing */
    int number;        /* said in words; 0: not */
    int motion, direction, sky, floor, camera;
    bool motion_is_general, facing;
    bool unnamed; /* "it rolls": the picture shows what */
    /* what is drawn */
    int thing_count;
    int things[THINGS_MAX], colors[THINGS_MAX], sizes[THINGS_MAX];
};

/* As they stand in sentences. */
extern const char *const tiny_thing_names[], *const tiny_color_names[], *const tiny_floor_names[],
                                                                            *const tiny_sky_names[];

/* The words of a hit, for notes. */
#define HIT_FORMAT       "%.*s"
#define HIT_ARGS(e, hit) (int)size_min((hit)->size, 60), (e)->folded + (hit)->at

static inline enum tiny_kind kind_of(const struct lexicon_hit *hit)
{
    return (enum tiny_kind)hit->row->kind;
}

static inline bool is_stand_in(const struct lexicon_hit *hit)
{
    return kind_of(hit) == TINY_STAND_IN || kind_of(hit) == TINY_PERSON;
}

static inline bool is_noun(const struct lexicon_hit *hit)
{
    return kind_of(hit) == TINY_OBJECT || is_stand_in(hit);
}

/* Bytes between the end of one hit and the start of the next. */
static inline size_t gap(const struct lexicon_hit *left, const struct lexicon_hit *right)
{
    return right->at - (left->at + left->size);
}

static inline const char *article(const char *word)
{
    return strchr("aeiou", *word) ? "an" : "a";
}

/* A picture shows what the prompt leaves open. */
static inline bool is_pictured(const struct expansion *e)
{
    return e->request->first_frame || e->request->last_frame;
}

/* The words of the prompt that the model knows. */
struct hits {
    struct lexicon_hit list[LEXICON_HITS_MAX];
    size_t count;
};

/* Reads the prompt into *ret: its words, then its camera commands. The scene points into *hits, which lives as long. */
void tiny_scene_read(struct scene *ret, struct hits *hits, const struct expansion *expansion);

/* Chooses what is drawn and fills what is open; afterwards things, colours, motion, floor and sky are set, and the
 * direction where the motion has one; what a picture shows stays OPEN. */
void tiny_scene_complete(struct scene *scene, const struct expansion *expansion);

bool tiny_motion_has_direction(int motion);

#endif
