#include "server/prompt/fold.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

size_t char_read(const char *text, int32_t *ret_char)
{
    size_t size = strnlen(text, 4);
    int32_t c = 0;
    utf8proc_ssize_t step = size ? utf8proc_iterate((const uint8_t *)text, (utf8proc_ssize_t)size, &c) : 0;
    *ret_char = step > 0 ? c : (unsigned char)*text; /* a byte that is none stands for itself */
    return step > 0 ? (size_t)step : size ? 1 : 0;
}

bool char_is_unspaced(int32_t c)
{
    return (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF) || (c >= 0x0E00 && c <= 0x0EFF);
}

bool char_is_word(int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return false;
    }
}

bool char_is_blank(int32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || utf8proc_category(c) == UTF8PROC_CATEGORY_ZS ||
           c == 0x2028 || c == 0x2029;
}

static int blanks_collapse(const char *text, struct buf *ret, conch_error *err)
{
    bool after_blank = true;
    size_t run = 0; /* bytes before text that are to be copied */
    for (;;) {
        int32_t c;
        size_t step = char_read(text, &c);
        bool blank = step && char_is_blank(c);
        if (!step || blank) {
            int rc = buf_append(ret, text - run, run, err);
            if (rc == 0 && blank && !after_blank)
                rc = buf_append(ret, " ", 1, err);
            if (rc < 0 || !step)
                return rc;
            run = 0;
        } else {
            run += step;
        }
        after_blank = blank;
        text += step;
    }
}

int prompt_fold(const char *text, size_t size, bool strip_marks, struct buf *ret, conch_error *err)
{
    int options = UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE |
                  (strip_marks ? UTF8PROC_STRIPMARK : 0);
    uint8_t *folded = NULL;
    utf8proc_ssize_t count = utf8proc_map((const uint8_t *)text, (utf8proc_ssize_t)size, &folded,
                                          (utf8proc_option_t)options);
    if (count == UTF8PROC_ERROR_NOMEM)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to fold a text of %zu bytes", size);
    if (count < 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "the text is not UTF-8");
    buf_clear(ret);
    int rc = blanks_collapse((const char *)folded, ret, err);
    free(folded);
    while (rc == 0 && ret->size && ret->data[ret->size - 1] == ' ')
        ret->data[--ret->size] = 0;
    return rc;
}

bool text_is_chinese(const char *text)
{
    size_t han = 0, latin = 0, step;
    int32_t c;
    for (; (step = char_read(text, &c)) > 0; text += step) {
        han += c >= 0x3400 && c <= 0x9FFF;
        latin += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
    return han > 0 && han * 3 >= latin;
}
