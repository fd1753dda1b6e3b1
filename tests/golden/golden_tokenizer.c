/* Tokenisations: NAME.golden.json with the model file it names, and NAME.tokenizer.json when that lies beside it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/text/clean.h"
#include "engine/text/limits.h"
#include "engine/text/tokenizer.h"
#include "golden.h"

static void ids_check(struct report *report, const char *raw, const struct token_list *got, const json_t *want,
                      size_t want_count)
{
    report_exact(report, got->count == want_count, "'%.80s': %zu ids, golden %zu", raw, got->count, want_count);
    for (size_t i = 0; i < want_count && got->count == want_count; i++) {
        long long id = json_integer_value(json_array_get(want, i));
        report_exact(report, got->ids[i] == id, "'%.80s': id %zu is %d, golden %lld", raw, i, got->ids[i], id);
    }
}

/* The text as it is, without the end id that the golden list carries. */
static void raw_check(struct report *report, const struct tokenizer *tok, const char *raw, const char *text,
                      const json_t *want)
{
    struct token_list list = {0};
    conch_error err;
    if (tokenizer_encode_raw(tok, text, &list, &err) < 0)
        report_error(report, raw, &err);
    else
        ids_check(report, raw, &list, want, json_array_size(want) ? json_array_size(want) - 1 : 0);
    token_list_finish(&list);
}

static void case_run(struct report *report, const struct tokenizer *tok, const json_t *item, bool hugging_face)
{
    const char *raw = json_string_value(json_object_get(item, "raw"));
    const char *cleaned = json_string_value(json_object_get(item, "cleaned"));
    const json_t *ids = json_object_get(item, "ids"), *ids_of_raw = json_object_get(item, "ids_of_raw");
    struct buf clean;
    conch_error err;
    report_exact(report, raw && cleaned && json_array_size(ids) > 0, "a case without raw, cleaned or ids");
    if (!raw || !cleaned || json_array_size(ids) == 0)
        return;
    /* the two libraries differ here by design: a literal </s>, and the piece for a space written in the prompt */
    if (hugging_face && (strstr(raw, "</s>") || strstr(raw, "▁")))
        return;
    buf_init(&clean, NORMALIZED_BYTES_MAX);
    if (text_unescape_and_collapse(raw, &clean, &err) < 0)
        report_error(report, raw, &err);
    else
        report_exact(report, !strcmp(clean.data ? clean.data : "", cleaned),
                     "'%.80s' is cleaned to '%.80s', golden '%.80s'", raw, clean.data ? clean.data : "", cleaned);
    buf_finish(&clean);
    raw_check(report, tok, raw, cleaned, ids);
    if (ids_of_raw && !hugging_face)
        raw_check(report, tok, raw, raw, ids_of_raw);
    if (json_object_get(item, "ftfy_would_change")) /* a list of what it would do; the golden ids go without */
        return;
    struct token_list list = {0};
    if (tokenizer_encode(tok, raw, 512, &list, NULL, &err) < 0)
        report_error(report, raw, &err);
    else
        ids_check(report, raw, &list, ids, json_array_size(ids));
    token_list_finish(&list);
}

static void file_run(struct golden *golden, const char *name, const char *path, const json_t *cases, bool hugging_face)
{
    struct report report = {.golden = golden, .name = name, .precision = "ids"};
    struct tokenizer *tok = NULL;
    conch_error err;
    if (!golden_wanted(golden, name))
        return;
    if (tokenizer_open(&tok, path, &err) < 0)
        report_error(&report, "open", &err);
    for (size_t i = 0; tok && i < json_array_size(cases); i++)
        case_run(&report, tok, json_array_get(cases, i), hugging_face);
    tokenizer_close(tok);
    report_print(golden, &report);
}

bool golden_tokenizer_entry(struct golden *golden, const char *entry)
{
    static const char end[] = ".golden.json";
    char path[1024], name[256];
    size_t length = strlen(entry);
    if (length <= strlen(end) || strcmp(entry + length - strlen(end), end))
        return false;
    int stem = (int)(length - strlen(end));
    snprintf(path, sizeof path, "%s/%s", golden->options.folder, entry);
    json_error_t why;
    json_t *root = json_load_file(path, 0, &why);
    const json_t *cases = json_object_get(root, "cases");
    const char *model = json_string_value(json_object_get(root, "model"));
    snprintf(name, sizeof name, "%.*s", stem, entry);
    if (!cases || !model) {
        struct report report = {.golden = golden, .name = name, .precision = "ids"};
        report_skip(&report, "%s holds no tokenisations%s%s", entry, root ? "" : ": ", root ? "" : why.text);
        if (golden_wanted(golden, name))
            report_print(golden, &report);
    } else {
        snprintf(path, sizeof path, "%s/%s", golden->options.folder, model);
        file_run(golden, name, path, cases, strstr(model, ".json") != NULL);
        snprintf(path, sizeof path, "%s/%.*s.tokenizer.json", golden->options.folder, stem, entry);
        snprintf(name, sizeof name, "%.*s.tokenizer.json", stem, entry);
        if (access(path, R_OK) == 0)
            file_run(golden, name, path, cases, true);
    }
    json_decref(root);
    return true;
}
