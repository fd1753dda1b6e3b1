/* A tokenizer file from a stranger, SentencePiece or JSON as its first bytes say, and prompts encoded with it. The
 * first byte of the input chooses the prompts and the slots; the rest is the file. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "engine/text/tokenizer.h"
#include "fuzz.h"

static const char *const prompts[] = {
    "",
    "a red fox runs through fresh snow at dawn",
    "  A\tRed \u3000 Fox\u00a0 </s> <unk> <0x41> ▁ ",
    "狐狸，慢动作 ＦＵＬＬ ｶﾀｶﾅ ﬁne Ⅳ ½ ﷺ 🦊",
    "cafe\u0301 q\u0307\u0323 \u0344\u0f73\u0301 한 İ",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

static void ids_check(const struct tokenizer *tok, const struct token_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!tokenizer_piece(tok, list->ids[i]))
            abort();
}

static void prompt_check(const struct tokenizer *tok, const char *prompt, size_t slot_count)
{
    struct token_list list = {0};
    conch_error err = {0};
    size_t cut = 0;
    if (tokenizer_encode(tok, prompt, slot_count, &list, &cut, &err) == 0) {
        ids_check(tok, &list);
        if (list.count < 1 || list.count > slot_count || list.ids[list.count - 1] != tokenizer_end_id(tok))
            abort();
        if (cut > 0 && list.count != slot_count)
            abort();
    } else if (!err.text[0] || list.ids) {
        abort();
    }
    token_list_finish(&list);
    if (tokenizer_encode_raw(tok, prompt, &list, NULL) == 0)
        ids_check(tok, &list);
    token_list_finish(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tokenizer *tok = NULL;
    conch_error err = {0};
    if (size == 0)
        return 0;
    int rc = tokenizer_open_memory(&tok, data + 1, size - 1, &err);
    if (rc < 0) {
        if (err.code != rc || !err.text[0] || tok)
            abort(); /* a refusal says why, and leaves nothing */
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(prompts); i++)
        if (data[0] & 1 << i)
            prompt_check(tok, prompts[i], data[0] & 0x80 ? 512 : 1 + (data[0] >> 6));
    if (!tokenizer_piece(tok, (int32_t)tokenizer_piece_count(tok) - 1))
        abort();
    tokenizer_close(tok);
    return 0;
}
