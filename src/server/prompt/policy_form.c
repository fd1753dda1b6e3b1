#include "server/prompt/policy_form.h"

#include <string.h>

#include "server/prompt/fold.h"

/* Letters that stand one by one, at least so many of them, are one word. */
enum { SPELT_LETTERS_MIN = 3 };

struct former {
    struct buf *out;
    bool unspaced;  /* the last character was of a script without spaces */
    bool word_open; /* ... or a word that may go on */
    size_t singles; /* one-letter words in a row at the end of out, the open one included */
};

/* " p o r n" at the end of out becomes " porn". */
static void singles_join(struct former *former)
{
    if (former->singles >= SPELT_LETTERS_MIN) {
        char *data = former->out->data;
        size_t from = former->out->size;
        for (size_t found = 0; found < former->singles; from--)
            found += data[from - 1] == ' ';
        size_t to = from + 1;
        for (size_t i = from + 1; i < former->out->size; i++)
            if (data[i] != ' ')
                data[to++] = data[i];
        former->out->size = to;
        data[to] = 0;
    }
    former->singles = 0;
}

static int character_add(struct former *former, const char *text, size_t size, int32_t c, conch_error *err)
{
    bool unspaced = char_is_unspaced(c);
    int rc = 0;
    if (unspaced && !former->unspaced)
        singles_join(former);
    if (unspaced ? !former->unspaced : !former->word_open)
        rc = buf_append(former->out, " ", 1, err);
    if (rc == 0)
        rc = buf_append(former->out, text, size, err);
    former->unspaced = unspaced;
    former->word_open = !unspaced;
    return rc;
}

int policy_form(const char *text, enum policy_form_of of, struct buf *ret, conch_error *err)
{
    struct buf folded;
    buf_init(&folded, PROMPT_FOLDED_BYTES_MAX);
    struct former former = {.out = ret};
    int rc = prompt_fold(text, strlen(text), true, &folded, err);
    buf_clear(ret);
    size_t size;
    int32_t c;
    for (const char *at = buf_text(&folded); rc == 0 && (size = char_read(at, &c)) > 0; at += size) {
        bool starts = char_is_word(c) && !char_is_unspaced(c) && !former.word_open;
        if (!char_is_word(c)) {
            former.word_open = false;
            continue;
        }
        int32_t next;
        char_read(at + size, &next);
        bool single = starts && !(at[size] && char_is_word(next) && !char_is_unspaced(next));
        if (starts && !single)
            singles_join(&former);
        if (single)
            former.singles++;
        rc = character_add(&former, at, size, c, err);
    }
    singles_join(&former);
    bool ends_unspaced = former.unspaced;
    if (rc == 0 && (ret->size || of == POLICY_FORM_TEXT) && !(of == POLICY_FORM_ENTRY && ends_unspaced))
        rc = buf_append(ret, " ", 1, err);
    if (rc == 0 && of == POLICY_FORM_ENTRY && ret->size > 1) {
        char_read(ret->data + 1, &c);
        if (char_is_unspaced(c)) {
            memmove(ret->data, ret->data + 1, ret->size); /* with the NUL */
            ret->size--;
        }
    }
    buf_finish(&folded);
    return rc;
}
