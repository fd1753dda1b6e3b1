#include "base/base.h"
#include "server/prompt/compose.h"
#include "server/prompt/h3_parts.h"
#include "server/prompt/sounds.h"

enum { SOUNDS_MAX = 4 }; /* a sentence each */

static const char *const music_words[] = {
    [MUSIC_NONE] = "None",
    [MUSIC_PIANO] = "A soft, slow piano melody",
    [MUSIC_ORCHESTRA] = "Orchestral music with broad strings",
    [MUSIC_ELECTRONIC] = "Electronic music with a steady pulse",
    [MUSIC_ACOUSTIC] = "A quiet acoustic guitar",
    [MUSIC_JAZZ] = "Relaxed jazz with brushed drums and double bass",
    [MUSIC_ANY] = "Unobtrusive music that follows the pace of the scene",
    [MUSIC_SAD] = "Slow, melancholic strings",
    [MUSIC_TENSE] = "Tense, low strings that build up slowly",
    [MUSIC_CHEERFUL] = "Light, cheerful music",
    [MUSIC_EPIC] = "Epic music with brass and drums",
    [MUSIC_ROCK] = "Rock music with electric guitars",
};

int h3_soundscape_write(const struct expansion *e, bool spoken, struct buf *out, conch_error *err)
{
    struct lexicon_hit hits[LEXICON_HITS_MAX];
    size_t count = lexicon_find(&scene_lexicon, e->folded, hits, ARRAY_LEN(hits)), used = 0;
    bool heard[SCENE_SOUNDS] = {false}, inside = false;
    struct buf sounds;
    int rc = 0;
    if (lexicon_first(hits, count, SCENE_SILENCE))
        return buf_append_text(out, "Silence.", err);
    buf_init(&sounds, PROMPT_EXPANDED_BYTES_MAX);
    if (spoken)
        rc = compose_sentence(&sounds, "voices are clear and close", false, err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct lexicon_row *row = hits[i].row;
        inside |= row->kind == SCENE_PLACED && row->extra == PLACE_INSIDE;
        if ((row->kind != SCENE_SOUND && row->kind != SCENE_PLACED) || heard[row->value] || used == SOUNDS_MAX)
            continue;
        heard[row->value] = true;
        used++;
        rc = compose_sentence(&sounds, sound_words((enum scene_sound)row->value), false, err);
    }
    if (rc == 0 && !used)
        rc = compose_sentence(&sounds, sound_words_of_place(inside), false, err);
    if (rc == 0)
        rc = buf_append(out, sounds.data, sounds.size, err);
    buf_finish(&sounds);
    return rc;
}

int h3_music_write(const struct expansion *e, struct buf *out, conch_error *err)
{
    struct lexicon_hit hits[LEXICON_HITS_MAX];
    size_t count = lexicon_find(&scene_lexicon, e->folded, hits, ARRAY_LEN(hits));
    const struct lexicon_hit *music = lexicon_first(hits, count, SCENE_MUSIC);
    return buf_append_format(out, err, "%s.", music_words[music ? music->row->value : MUSIC_NONE]);
}
