/* The pieces of the H3 form. Inside this folder only. */
#ifndef SERVER_PROMPT_H3_PARTS_H
#define SERVER_PROMPT_H3_PARTS_H

#include "server/prompt/expand_parts.h"

enum { H3_SHOTS_MAX = 12 };

/* A piece of the prompt that becomes one shot. */
struct h3_shot {
    const char *text;
    size_t size;
};

struct h3_shots {
    struct h3_shot shots[H3_SHOTS_MAX];
    size_t count;
};

/* Splits where the prompt says that something comes next ("cut to", ", then", "[Shot 2]", "然后"), but not inside
 * quotes. At most shots_max; what comes after the last one belongs to it. */
void h3_shots_split(const char *text, size_t shots_max, struct h3_shots *ret);

/* Appends a piece of the prompt with spoken words as <d>[English] ...</d>. A quoted text that is read and not spoken (a
 * sign) stays as it is. *ret_spoken is set when there are such words, and otherwise left. */
int h3_speech_write(const char *text, size_t size, struct buf *out, bool *ret_spoken, conch_error *err);

/* Replaces out by the prompt with media named as the model knows them ("@image 1", "图1" -> "<Picture 1>"), and with
 * the marks "<|" of the tokenizer's own words pulled apart. Notes what is named but not given. */
int h3_references_write(const struct expansion *expansion, const char *text, struct buf *out, conch_error *err);

/* Appends "subject_definitions:" and "retention_analysis:" passages for the reference mode. text is what
 * h3_references_write wrote. */
int h3_subjects_write(const struct expansion *expansion, const char *text, struct buf *out, conch_error *err);
int h3_retention_write(const struct expansion *expansion, struct buf *out, conch_error *err);

/* Appends the content of "overall_soundscape:" and "non_diegetic_music:". */
int h3_soundscape_write(const struct expansion *expansion, bool spoken, struct buf *out, conch_error *err);
int h3_music_write(const struct expansion *expansion, struct buf *out, conch_error *err);

/* How many pictures the model is given, as frames or as references. */
size_t h3_picture_count(const struct prompt_expand_request *request);

#endif
