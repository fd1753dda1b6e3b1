#include "cli/submit_form.h"

#include <string.h>

#include "base/base.h"
#include "base/file.h"
#include "base/id.h"
#include "base/sniff.h"
#include "base/text.h"

#define FIELD(name) offsetof(struct submit_settings, name)

const struct option submit_options[] = {
    {.name = "What to make", .kind = OPTION_HEADING},
    {"model", 'm', OPTION_TEXT, FIELD(model), "NAME", "a model of the server (default: the server's)", 0, 0},
    {"first-frame", 0, OPTION_TEXT, FIELD(first_frame), "FILE|URL|ID",
     "picture that the clip begins with; the id is that of an uploaded file", 0, 0},
    {"last-frame", 0, OPTION_TEXT, FIELD(last_frame), "FILE|URL|ID", "picture that it ends with", 0, 0},
    {"reference", 0, OPTION_LIST, FIELD(references), "FILE|URL|ID",
     "picture, clip or sound to go by; may be given several times", 0, 0},
    {"subject", 0, OPTION_LIST, FIELD(subjects), "FILE|URL|ID",
     "picture of whom the clip shows; may be given several times", 0, 0},
    {"resolution", 0, OPTION_TEXT, FIELD(resolution), "NAME", "one of the model's, such as 768P", 0, 0},
    {"size", 0, OPTION_SIZE, FIELD(size), "WxH", "pixels, instead of --resolution", 0, 0},
    {"ratio", 0, OPTION_TEXT, FIELD(ratio), "W:H", "width to height, for models that take one", 0, 0},
    {"seconds", 0, OPTION_WHOLE, FIELD(seconds), "N", "length (default: the model's)", 1, 3600},
    {"negative", 0, OPTION_TEXT, FIELD(negative), "TEXT", "what it should not look like", 0, 0},

    {.name = "How to make it", .kind = OPTION_HEADING},
    {"seed", 0, OPTION_SEED, FIELD(seed), "N", "the same seed makes the same clip (default: random)", 0, 0},
    {"steps", 0, OPTION_WHOLE, FIELD(steps), "N", "denoising steps (default: the model's)", 1, 1000},
    {"guidance", 0, OPTION_NUMBER, FIELD(guidance), "G", "how closely to follow the prompt (default: the model's)", 0,
     100},
    {"no-optimizer", 0, OPTION_FLAG, FIELD(no_optimizer), NULL, "take the prompt as it is", 0, 0},
    {"watermark", 0, OPTION_FLAG, FIELD(watermark), NULL, "mark the clip as made by a model", 0, 0},
    {"priority", 0, OPTION_WHOLE, FIELD(priority), "N", "higher goes first (default: 0)", -1000000, 1000000},
    {"callback", 0, OPTION_TEXT, FIELD(callback), "URL", "told by the server how the job goes", 0, 0},
    {"metadata", 0, OPTION_LIST, FIELD(metadata), "NAME=VALUE", "kept with the job; may be given several times", 0, 0},
    {"idempotency-key", 0, OPTION_TEXT, FIELD(once), "KEY",
     "the same key makes the same job only once (default: a new key)", 0, 0},

    {.name = "What then", .kind = OPTION_HEADING},
    {"estimate", 0, OPTION_FLAG, FIELD(estimate), NULL, "only say what it would be, cost and take", 0, 0},
    {"wait", 'w', OPTION_FLAG, FIELD(wait), NULL, "wait for the clip and fetch it", 0, 0},
    {"output", 'o', OPTION_TEXT, FIELD(output), "FILE",
     "MP4 file, replaced when it is there; means --wait (default: a new name made of the prompt and the seed)", 0, 0},
    {"cancel-on-interrupt", 0, OPTION_FLAG, FIELD(cancel_on_interrupt), NULL,
     "Ctrl-C while waiting cancels the job; without it the job goes on", 0, 0},
    {"patience", 0, OPTION_WHOLE, FIELD(patience_s), "SECONDS",
     "how long to try again when the server does not answer or has too much to do (default: 300)", 0, 86400},
    {"json", 0, OPTION_FLAG, FIELD(json), NULL,
     "the job as JSON; with --wait one event a line on standard output (docs/cli.md)", 0, 0},
    {"quiet", 'q', OPTION_FLAG, FIELD(quiet), NULL, "nothing but the id and errors", 0, 0},
    CLIENT_OPTIONS(struct submit_settings, client),
    {0},
};

/* ---- pictures, clips, sounds ---- */

static bool is_address(const char *text)
{
    return text_begins(text, "http://") || text_begins(text, "https://") || text_begins(text, "data:");
}

static int source_add(struct form *form, const char *name, const char *source, const char *option, conch_error *err)
{
    int64_t id;
    if (!source)
        return 0;
    if (is_address(source) || (id_parse(source, &id) && !file_exists(source)))
        return form_text(form, name, source, err);
    return form_file(form, name, source, option, err);
}

static enum sniff_kind kind_of_file(const char *path)
{
    struct file_map map;
    if (file_map_open(&map, path, NULL) < 0)
        return SNIFF_OTHER;
    struct sniff found = sniff(map.data, size_min(map.size, SNIFF_BYTES));
    file_map_close(&map);
    return sniff_kind(found.type);
}

/* By the end of its path, as there are no bytes to look at yet. */
static enum sniff_kind kind_of_address(const char *address)
{
    static const struct {
        const char *end;
        enum sniff_kind kind;
    } ends[] = {{".mp4", SNIFF_VIDEO}, {".mov", SNIFF_VIDEO}, {".webm", SNIFF_VIDEO},
                {".mkv", SNIFF_VIDEO}, {".mp3", SNIFF_AUDIO}, {".wav", SNIFF_AUDIO}};
    size_t size = strcspn(address, "?#");
    if (text_begins(address, "data:video/"))
        return SNIFF_VIDEO;
    if (text_begins(address, "data:audio/"))
        return SNIFF_AUDIO;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        size_t length = strlen(ends[i].end);
        char end[8] = "";
        if (size > length)
            memcpy(end, address + size - length, length);
        if (text_equal_nocase(end, ends[i].end))
            return ends[i].kind;
    }
    return SNIFF_PICTURE;
}

static int reference_add(struct form *form, const char *source, conch_error *err)
{
    switch (is_address(source) ? kind_of_address(source) : kind_of_file(source)) {
    case SNIFF_VIDEO: return source_add(form, "reference_video", source, "--reference", err);
    case SNIFF_AUDIO: return source_add(form, "reference_audio", source, "--reference", err);
    default: return source_add(form, "reference", source, "--reference", err);
    }
}

static int media_add(struct form *form, const struct submit_settings *settings, conch_error *err)
{
    int rc = source_add(form, "first_frame", settings->first_frame, "--first-frame", err);
    if (rc == 0)
        rc = source_add(form, "last_frame", settings->last_frame, "--last-frame", err);
    for (size_t i = 0; i < settings->subjects.count && rc == 0; i++)
        rc = source_add(form, "subject", settings->subjects.item[i], "--subject", err);
    for (size_t i = 0; i < settings->references.count && rc == 0; i++)
        rc = reference_add(form, settings->references.item[i], err);
    return rc;
}

/* ---- the other fields ---- */

static int metadata_add(struct form *form, const struct option_list *list, conch_error *err)
{
    json_t *object = json_object();
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        const char *equals = strchr(list->item[i], '=');
        if (!equals || equals == list->item[i])
            rc = conch_error_set(err, CONCH_ERR_RANGE, "--metadata: '%s' is not allowed (NAME=VALUE)", list->item[i]);
        else if (json_object_setn_new(object, list->item[i], (size_t)(equals - list->item[i]),
                                      json_string(equals + 1)) < 0)
            rc = conch_error_set(err, CONCH_ERR_RANGE, "--metadata: entry %zu is not valid UTF-8", i + 1);
    }
    char *text = rc == 0 && list->count ? json_dumps(object, JSON_COMPACT) : NULL;
    if (text)
        rc = form_text(form, "metadata", text, err);
    free(text);
    json_decref(object);
    return rc;
}

static int texts_add(struct form *form, const struct submit_settings *settings, const char *prompt, conch_error *err)
{
    const struct http_field texts[] = {{"prompt", prompt},
                                       {"model", settings->model},
                                       {"resolution", settings->resolution},
                                       {"ratio", settings->ratio},
                                       {"negative_prompt", settings->negative},
                                       {"callback_url", settings->callback},
                                       {"optimizer", settings->no_optimizer ? "false" : NULL},
                                       {"watermark", settings->watermark ? "true" : NULL}};
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(texts) && rc == 0; i++)
        if (texts[i].value)
            rc = form_text(form, texts[i].name, texts[i].value, err);
    return rc;
}

static int numbers_add(struct form *form, const struct submit_settings *settings, conch_error *err)
{
    const struct {
        const char *name;
        bool given;
        long long value;
    } numbers[] = {{"seconds", settings->seconds > 0, settings->seconds},
                   {"seed", settings->seed.given, (long long)settings->seed.value},
                   {"steps", settings->steps > 0, settings->steps},
                   {"priority", settings->priority != 0, settings->priority}};
    char text[64];
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(numbers) && rc == 0; i++) {
        snprintf(text, sizeof text, "%lld", numbers[i].value);
        if (numbers[i].given)
            rc = form_text(form, numbers[i].name, text, err);
    }
    if (rc == 0 && settings->guidance > 0) {
        snprintf(text, sizeof text, "%.9g", settings->guidance);
        rc = form_text(form, "guidance", text, err);
    }
    if (rc == 0 && settings->size.width) {
        snprintf(text, sizeof text, "%dx%d", settings->size.width, settings->size.height);
        rc = form_text(form, "size", text, err);
    }
    return rc;
}

int submit_form_make(struct form *form, const struct submit_settings *settings, const char *prompt, conch_error *err)
{
    form_init(form);
    int rc = texts_add(form, settings, prompt, err);
    if (rc == 0)
        rc = numbers_add(form, settings, err);
    if (rc == 0)
        rc = metadata_add(form, &settings->metadata, err);
    if (rc == 0)
        rc = media_add(form, settings, err);
    return rc == 0 ? form_end(form, err) : rc;
}
