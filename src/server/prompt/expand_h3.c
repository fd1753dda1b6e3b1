/* The labelled passages that MiniMax-H3 was trained on. */
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "server/prompt/compose.h"
#include "server/prompt/fold.h"
#include "server/prompt/h3_parts.h"

#define SHOTS_LABEL "integrated_multimodal_description:"

enum { SHOT_SECONDS_MIN = 1 };

/* Whether a text is an expanded one already: it has the line that begins the shots. */
static bool is_expanded(const char *text)
{
    for (const char *at = text; (at = strstr(at, SHOTS_LABEL)); at++)
        if (at == text || at[-1] == '\n')
            return true;
    return false;
}

static int keyframes_write(const struct expansion *e, struct buf *out, conch_error *err)
{
    const struct prompt_expand_request *request = e->request;
    int rc = 0;
    if (request->first_frame)
        rc = buf_append_text(out, "For the target video, at 0.00 seconds <Picture 1> is fully referenced.\n", err);
    if (rc == 0 && request->last_frame)
        rc = buf_append_format(out, err, "For the target video, at %.2f seconds <Picture %d> is fully referenced.\n",
                               request->seconds, request->first_frame ? 2 : 1);
    return rc;
}

/* "[Shot 2] At 00:04.00 ", in hundredths of a second; the first shot has no time. */
static int shot_label_write(const struct expansion *e, size_t i, size_t count, struct buf *out, conch_error *err)
{
    long at = lround(e->request->seconds * 100 * (double)i / (double)count);
    if (i == 0)
        return buf_append_text(out, "[Shot 1] ", err);
    return buf_append_format(out, err, "[Shot %zu] At %02ld:%02ld.%02ld ", i + 1, at / 6000, at / 100 % 60, at % 100);
}

/* A prompt without words beside pictures. */
static const char *words_or_default(const struct expansion *e, const char *text)
{
    if (text[strspn(text, " \t\r\n")])
        return text;
    if (h3_picture_count(e->request))
        return "The scene of <Picture 1> comes to life";
    return "The scene of <Video 1> goes on";
}

static int shots_write(const struct expansion *e, const char *text, struct buf *out, bool *ret_spoken, conch_error *err)
{
    struct h3_shots shots;
    double seconds = e->request->seconds;
    size_t shots_max = seconds < 2 * SHOT_SECONDS_MIN ? 1
                                                      : size_min((size_t)(seconds / SHOT_SECONDS_MIN), H3_SHOTS_MAX);
    struct buf shot;
    buf_init(&shot, PROMPT_EXPANDED_BYTES_MAX);
    h3_shots_split(text, shots_max, &shots);
    int rc = 0;
    for (size_t i = 0; i < shots.count && rc == 0; i++) {
        struct buf words;
        buf_init(&words, PROMPT_EXPANDED_BYTES_MAX);
        buf_clear(&shot);
        rc = h3_speech_write(shots.shots[i].text, shots.shots[i].size, &words, ret_spoken, err);
        if (rc == 0)
            rc = compose_capital(&shot, buf_text(&words), words.size, err);
        if (rc == 0)
            rc = compose_stop(&shot, e->chinese, err);
        if (rc == 0 && i == 0)
            rc = scene_complete(e, e->folded, e->request->camera_commands, PROMPT_EXPANDED_BYTES_MAX, &shot, err);
        if (rc == 0)
            rc = shot_label_write(e, i, shots.count, out, err);
        if (rc == 0)
            rc = buf_append_format(out, err, "%s\n", buf_text(&shot));
        buf_finish(&words);
    }
    buf_finish(&shot);
    return rc;
}

static int subjects_say(const struct expansion *e, struct buf *out, conch_error *err)
{
    size_t count = e->request->images ? e->request->images : e->request->videos;
    int rc = 0;
    for (size_t i = 1; i <= count && rc == 0; i++)
        rc = buf_append_format(out, err, "%s<Subject %zu>", i == 1 ? "" : i == count ? " and " : ", ", i);
    return rc;
}

static int references_write(const struct expansion *e, const char *text, struct buf *out, conch_error *err)
{
    struct buf words;
    bool spoken = false;
    buf_init(&words, PROMPT_EXPANDED_BYTES_MAX);
    int rc = h3_speech_write(text, strlen(text), &words, &spoken, err);
    if (rc == 0)
        rc = compose_stop(&words, e->chinese, err);
    if (rc == 0)
        rc = buf_append_text(out, "subject_definitions:\n", err);
    if (rc == 0)
        rc = h3_subjects_write(e, text, out, err);
    if (rc == 0)
        rc = buf_append_format(out, err, "summary:\nA clip of %g seconds with ", e->request->seconds);
    if (rc == 0)
        rc = subjects_say(e, out, err);
    if (rc == 0)
        rc = buf_append_text(out, ".\nretention_analysis:\n", err);
    if (rc == 0)
        rc = h3_retention_write(e, out, err);
    if (rc == 0)
        rc = buf_append_text(out, "detailed_description:\n", err);
    if (rc == 0)
        rc = compose_capital(out, buf_text(&words), words.size, err);
    if (rc == 0)
        rc = buf_append_text(out, "\n", err);
    buf_finish(&words);
    return rc;
}

static int passages_write(const struct expansion *e, const char *text, struct buf *out, conch_error *err)
{
    const struct prompt_expand_request *request = e->request;
    bool spoken = false;
    int rc = keyframes_write(e, out, err);
    if (rc == 0 && request->images + request->videos > 0)
        rc = references_write(e, text, out, err);
    if (rc == 0)
        rc = buf_append_text(out, SHOTS_LABEL "\n", err);
    if (rc == 0)
        rc = shots_write(e, text, out, &spoken, err);
    if (rc == 0)
        rc = buf_append_text(out, "overall_soundscape:\n", err);
    if (rc == 0)
        rc = h3_soundscape_write(e, spoken, out, err);
    if (rc == 0)
        rc = buf_append_text(out, "\nnon_diegetic_music:\n", err);
    if (rc == 0)
        rc = h3_music_write(e, out, err);
    return rc;
}

int expand_h3(const struct expansion *e, struct buf *out, conch_error *err)
{
    struct buf text;
    buf_init(&text, PROMPT_EXPANDED_BYTES_MAX);
    bool expanded = is_expanded(e->request->text);
    bool whole = expanded || e->request->camera_commands;
    int rc = h3_references_write(e, words_or_default(e, whole ? e->request->text : e->text), &text, err);
    if (rc == 0)
        rc = expanded ? buf_append(out, text.data, text.size, err) : passages_write(e, text.data, out, err);
    buf_finish(&text);
    return rc;
}
