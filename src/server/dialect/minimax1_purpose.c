/* What may be stored under which purpose. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/sniff.h"
#include "base/text.h"
#include "server/dialect/minimax1.h"

#define MIB ((int64_t)1 << 20)

static const struct rule {
    const char *purpose;
    bool upload, list, remove;
} rules[] = {
    {"video_generation_input", .upload = true, .list = true, .remove = true},
    {"voice_clone", .upload = true, .list = true, .remove = true},
    {"prompt_audio", .upload = true, .list = true, .remove = true},
    {"t2a_async_input", .upload = true, .list = true, .remove = true},
    {"video_understanding", .upload = true, .list = true, .remove = true},
    {"retrieval", .upload = true, .list = true, .remove = true}, /* what mmx says by itself */
    {"vision", .upload = true, .list = true, .remove = true},
    {"t2a_async", .list = true, .remove = true},
    {"video_generation", .list = true, .remove = true},
};

static const struct rule *rule_find(const char *purpose)
{
    for (size_t i = 0; purpose && i < ARRAY_LEN(rules); i++)
        if (strcmp(purpose, rules[i].purpose) == 0)
            return &rules[i];
    return NULL;
}

static bool rule_allows(const struct rule *rule, enum minimax1_use use)
{
    return use == MINIMAX1_UPLOAD ? rule->upload : use == MINIMAX1_LIST ? rule->list : rule->remove;
}

int minimax1_purpose_check(const char *purpose, enum minimax1_use use, struct api_problem *problem)
{
    const struct rule *rule = rule_find(purpose);
    if (rule && rule_allows(rule, use))
        return 0;
    char allowed[300] = "";
    size_t size = 0;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (rule_allows(&rules[i], use))
            size += (size_t)snprintf(allowed + size, sizeof allowed - size, "%s%s", size ? ", " : "", rules[i].purpose);
    if (!purpose || !purpose[0])
        return api_refuse(problem, API_INVALID, "purpose", "purpose is required; allowed: %s", allowed);
    return api_refuse(problem, API_INVALID, "purpose", "purpose '%.*s' is not known; allowed: %s",
                      (int)text_utf8_cut(purpose, strlen(purpose), 60), purpose, allowed);
}

/* What may stand behind mm_file://ID, by what the bytes are. */
static const struct {
    enum sniff_type type;
    int64_t bytes_max;
} input_types[] = {
    {SNIFF_JPEG, 30 * MIB}, {SNIFF_PNG, 30 * MIB},  {SNIFF_WEBP, 30 * MIB},
    {SNIFF_HEIC, 30 * MIB}, {SNIFF_HEIF, 30 * MIB}, {SNIFF_MP4, 50 * MIB},
    {SNIFF_MOV, 50 * MIB},  {SNIFF_WAV, 15 * MIB},  {SNIFF_MP3, 15 * MIB},
};

static int size_check(int64_t bytes, int64_t bytes_max, const char *what, struct api_problem *problem)
{
    if (bytes <= bytes_max)
        return 0;
    return api_refuse(problem, API_TOO_LARGE, "file",
                      "file has %" PRId64 " bytes, too many; allowed for %s: at most %" PRId64 " MB", bytes, what,
                      bytes_max / MIB);
}

int minimax1_upload_check(const char *purpose, const void *head, size_t head_size, int64_t bytes,
                          struct api_problem *ret_problem)
{
    if (minimax1_purpose_check(purpose, MINIMAX1_UPLOAD, ret_problem) < 0)
        return -1;
    if (bytes == 0)
        return api_refuse(ret_problem, API_INVALID, "file", "file is empty");
    if (strcmp(purpose, "video_generation_input") != 0)
        return size_check(bytes, MINIMAX1_FILE_BYTES_MAX, "a document", ret_problem);
    const enum sniff_type type = sniff(head, head_size).type;
    for (size_t i = 0; i < ARRAY_LEN(input_types); i++)
        if (input_types[i].type == type)
            return size_check(bytes, input_types[i].bytes_max, sniff_name(type), ret_problem);
    return api_refuse(
        ret_problem, API_INVALID, "file",
        "file is %s; allowed for video_generation_input: JPEG, PNG, WebP, HEIC and HEIF pictures, MP4 and "
        "MOV videos, WAV and MP3 sound",
        sniff_name(type));
}
