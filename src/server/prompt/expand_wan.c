/* The user's words, then what they leave open, in neutral sentences. Every sentence has a word by which a second pass
 * knows that the matter is settled, so an expanded text is left as it is. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "server/prompt/compose.h"
#include "server/prompt/expand_parts.h"
#include "server/prompt/fold.h"

enum aspect { ASPECT_MOTION, ASPECT_PLACE, ASPECT_CAMERA, ASPECT_LIGHT, ASPECT_STYLE };
enum { ASPECTS = 5, LANGUAGES = 2 };

static const struct aspect_row {
    const char *name;
    const char *sentence[LANGUAGES]; /* English, Chinese */
} aspects[] = {
    [ASPECT_MOTION] = {"how it moves",
                       {"There is slow, natural motion from beginning to end.", "主体从头到尾自然缓慢地动着。"}},
    [ASPECT_PLACE] = {"where it is", {"The background is plain and slightly out of focus.", "背景简洁，略微虚化。"}},
    [ASPECT_CAMERA] = {"how it is filmed", {"The camera holds a steady medium shot.", "镜头保持稳定的中景。"}},
    [ASPECT_LIGHT] = {"the light", {"Soft, even light shapes the scene.", "柔和均匀的光线勾勒出画面。"}},
    [ASPECT_STYLE] = {"the look", {"Cinematic look, natural colours, fine detail.", "电影质感，色彩自然，细节清晰。"}},
};
_Static_assert(ARRAY_LEN(aspects) == ASPECTS, "a sentence for each");

/* Light that goes with the place, where the place says something about it. */
static const char *const light_of_place[][LANGUAGES] = {
    [PLACE_OUTSIDE] = {"Soft daylight shapes the scene.", "柔和的自然光勾勒出画面。"},
    [PLACE_INSIDE] = {"Soft light from a window shapes the scene.", "窗边柔和的光线勾勒出画面。"},
    [PLACE_NIGHT] = {"Dim, cool light and deep shadows shape the scene.", "昏暗清冷的光线与深影勾勒出画面。"},
};

struct said {
    bool aspects[ASPECTS];
    int place; /* enum scene_place, or -1 */
};

static struct said said_find(const char *folded)
{
    struct lexicon_hit hits[LEXICON_HITS_MAX];
    struct said said = {.place = -1};
    size_t count = lexicon_find(&scene_lexicon, folded, hits, ARRAY_LEN(hits));
    for (size_t i = 0; i < count; i++) {
        const struct lexicon_row *row = hits[i].row;
        switch ((enum scene_kind)row->kind) {
        case SCENE_CAMERA: said.aspects[ASPECT_CAMERA] = true; break;
        case SCENE_MOTION: said.aspects[ASPECT_MOTION] = true; break;
        case SCENE_LIGHT: said.aspects[ASPECT_LIGHT] = true; break;
        case SCENE_STYLE: said.aspects[ASPECT_STYLE] = true; break;
        case SCENE_PLACE:
        case SCENE_PLACED:
            said.aspects[ASPECT_PLACE] = true;
            if (row->kind == SCENE_PLACED && (said.place < 0 || row->extra == PLACE_NIGHT))
                said.place = row->extra;
            break;
        case SCENE_SOUND: said.aspects[ASPECT_MOTION] |= row->extra == SOUND_MOVES; break;
        case SCENE_MUSIC:
        case SCENE_SILENCE: break;
        }
    }
    return said;
}

/* Appends one sentence if the whole stays short enough. */
static int sentence_fit(struct buf *out, const char *sentence, bool chinese, size_t chars_max, bool *ret_fits,
                        conch_error *err)
{
    enum { SEAM_CHARS = 2 }; /* a full stop and a space before it */
    *ret_fits = compose_chars(buf_text(out)) + SEAM_CHARS + compose_chars(sentence) + 1 <= chars_max;
    return *ret_fits ? compose_sentence(out, sentence, chinese, err) : 0;
}

static int commands_say(const struct expansion *e, size_t chars_max, struct buf *out, conch_error *err)
{
    struct buf words;
    bool fits = true;
    buf_init(&words, PROMPT_FOLDED_BYTES_MAX);
    int rc = camera_plan_words(e->camera, e->chinese, &words, err);
    if (rc == 0 && words.size)
        rc = sentence_fit(out, words.data, e->chinese, chars_max, &fits, err);
    if (rc == 0 && !fits)
        note_add(e->notes, PROMPT_NOTE_IGNORED, "the camera commands do not fit: the text may have %zu characters",
                 chars_max);
    buf_finish(&words);
    return rc;
}

int scene_complete(const struct expansion *e, const char *folded, bool keep_commands, size_t chars_max, struct buf *out,
                   conch_error *err)
{
    struct said said = said_find(folded);
    bool fits = true, has_picture = e->request->first_frame || e->request->last_frame || e->request->images > 0 ||
                                    e->request->videos > 0;
    int rc = 0;
    for (int i = 0; i < ASPECTS && rc == 0 && fits; i++) {
        const char *sentence = aspects[i].sentence[e->chinese];
        if (i == ASPECT_CAMERA && e->camera->group_count) {
            if (!keep_commands)
                rc = commands_say(e, chars_max, out, err);
            continue;
        }
        if (i == ASPECT_LIGHT && said.place >= 0)
            sentence = light_of_place[said.place][e->chinese];
        if (said.aspects[i] || (has_picture && i != ASPECT_MOTION && i != ASPECT_CAMERA))
            continue; /* a picture shows place, light and look better than words of ours */
        rc = sentence_fit(out, sentence, e->chinese, chars_max, &fits, err);
        if (rc == 0 && fits)
            note_add(e->notes, PROMPT_NOTE_FILLED, "%s was left open: \"%s\" was added", aspects[i].name, sentence);
    }
    return rc;
}

int expand_wan(const struct expansion *e, struct buf *out, conch_error *err)
{
    bool keep = e->request->camera_commands;
    const char *text = keep ? e->request->text : e->text;
    int rc = compose_capital(out, text, strlen(text), err);
    size_t chars = compose_chars(buf_text(out));
    if (chars + 1 > PROMPT_WAN_CHARS_MAX) {
        note_add(e->notes, PROMPT_NOTE_IGNORED,
                 "nothing was added: the prompt has %zu characters, of which about %d are read", chars,
                 PROMPT_WAN_CHARS_MAX);
        return rc;
    }
    if (rc == 0)
        rc = compose_stop(out, e->chinese, err);
    return rc < 0 ? rc : scene_complete(e, e->folded, keep, PROMPT_WAN_CHARS_MAX, out, err);
}
