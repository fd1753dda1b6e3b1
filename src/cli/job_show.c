#include "cli/job_show.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/id.h"
#include "base/text.h"
#include "base/time_text.h"
#include "cli/money.h"
#include "cli/style.h"

enum { STATE_WIDTH = 10, MODEL_WIDTH = 24, PROMPT_WIDTH = 44, LINE_WIDTH = 4000 };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

struct job_show_word job_show_word(const json_t *object, const char *key)
{
    struct job_show_word word;
    const char *text = text_of(object, key);
    size_t size = text ? strlen(text) : 0;
    snprintf(word.text, sizeof word.text, "%.*s", (int)text_utf8_cut(text ? text : "", size, sizeof word.text - 1),
             text ? text : "");
    clean_line(word.text);
    if (!*word.text)
        strcpy(word.text, "-");
    return word;
}

struct job_show_time job_show_time(const char *rfc3339)
{
    struct job_show_time ret = {"-"};
    int64_t ms;
    struct tm parts;
    if (!rfc3339 || time_text_parse(rfc3339, &ms, NULL) < 0)
        return ret;
    time_t seconds = (time_t)(ms / 1000);
    if (localtime_r(&seconds, &parts))
        strftime(ret.text, sizeof ret.text, "%Y-%m-%d %H:%M:%S", &parts);
    return ret;
}

int job_show_json(const json_t *json, bool indented, conch_error *err)
{
    int rc = json_dumpf(json, stdout, (indented ? JSON_INDENT(2) : JSON_COMPACT) | JSON_REAL_PRECISION(9));
    if (rc < 0 || putchar('\n') == EOF || fflush(stdout) != 0)
        return conch_error_set(err, CONCH_ERR_IO, "standard output is closed");
    return 0;
}

int job_show_id(const struct option_words *words, const char *command, const char **ret_id, conch_error *err)
{
    int64_t id;
    if (words->count == 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "conch %s needs the id of a job; `conch jobs` lists them",
                               command);
    if (words->count > 1)
        return conch_error_set(err, CONCH_ERR_RANGE, "conch %s takes one id, but was also given '%s'", command,
                               words->word[1]);
    if (!id_parse(words->word[0], &id))
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "'%.60s' is not an id: at most 16 digits, as `conch jobs` shows them", words->word[0]);
    *ret_id = words->word[0];
    return 0;
}

/* ---- one job ---- */

static void line(FILE *out, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    fprintf(out, "  %-10s", name);
    clean_print(out, text, LINE_WIDTH, 0);
    fputc('\n', out);
}

static void show_progress(const json_t *job, FILE *out)
{
    const json_t *place = json_object_get(job, "queue_place"), *eta = json_object_get(job, "eta_seconds");
    const json_t *step = json_object_get(job, "step");
    if (json_is_integer(place))
        fprintf(out, "  %-10s%lld before it\n", "queue", (long long)json_integer_value(place));
    if (text_of(job, "phase"))
        fprintf(out, "  %-10s%.0f %%, %s", "progress", 100 * json_number_value(json_object_get(job, "progress")),
                job_show_word(job, "phase").text);
    if (text_of(job, "phase") && json_is_integer(step))
        fprintf(out, " %lld of %lld", (long long)json_integer_value(step),
                (long long)json_integer_value(json_object_get(job, "steps")));
    if (text_of(job, "phase"))
        fputc('\n', out);
    if (json_is_integer(eta))
        fprintf(out, "  %-10s%s\n", "left", style_duration((double)json_integer_value(eta)).text);
}

static void show_clip(const json_t *job, FILE *out)
{
    const json_t *video = json_object_get(job, "video");
    if (!json_is_object(video))
        return;
    fprintf(out, "  %-10s%s, %s s; `conch fetch %s` fetches it", "clip",
            style_bytes((uint64_t)json_integer_value(json_object_get(video, "bytes"))).text,
            style_seconds(json_number_value(json_object_get(video, "duration_seconds"))).text,
            job_show_word(job, "id").text);
    if (text_of(video, "expires_at"))
        fprintf(out, " until %s", job_show_time(text_of(video, "expires_at")).text);
    fputc('\n', out);
}

static void show_price(const json_t *job, FILE *out)
{
    const json_t *price = json_object_get(job, "price"), *charged = json_object_get(price, "charged");
    enum money_unit unit;
    json_int_t quoted = json_integer_value(json_object_get(price, "quoted"));
    if (!money_unit_parse(text_of(price, "unit"), &unit) || (!quoted && !json_integer_value(charged)))
        return;
    if (json_is_integer(charged))
        fprintf(out, "  %-10s%s charged\n", "price", money_write(json_integer_value(charged), unit).text);
    else
        fprintf(out, "  %-10s%s held\n", "price", money_write(quoted, unit).text);
}

static void show_made(const json_t *job, FILE *out)
{
    const char *model = text_of(job, "model"), *served = text_of(job, "served_by");
    const json_t *seed = json_object_get(job, "seed");
    line(out, "model", model);
    if (model && served && strcmp(model, served) != 0)
        fprintf(out, "  %-10s%s%s\n", "served by", job_show_word(job, "served_by").text,
                json_is_true(json_object_get(job, "sandbox")) ? " (rehearsed in the sandbox)" : "");
    if (json_is_integer(json_object_get(job, "width")))
        fprintf(out, "  %-10s%lldx%lld, %lld s at %lld fps\n", "size",
                (long long)json_integer_value(json_object_get(job, "width")),
                (long long)json_integer_value(json_object_get(job, "height")),
                (long long)json_integer_value(json_object_get(job, "seconds")),
                (long long)json_integer_value(json_object_get(job, "fps")));
    if (json_is_integer(seed))
        fprintf(out, "  %-10s%lld\n", "seed", (long long)json_integer_value(seed));
    line(out, "prompt", text_of(job, "prompt"));
    line(out, "used", text_of(job, "prompt_used"));
    line(out, "context", text_of(job, "context"));
}

void job_show(const json_t *job, FILE *out)
{
    const json_t *error = json_object_get(job, "error");
    fprintf(out, "%s%s%s  %s%s\n", style_on(out, STYLE_BOLD), job_show_word(job, "id").text, style_off(out),
            job_show_word(job, "state").text,
            json_is_true(json_object_get(job, "cancel_requested")) ? ", to be cancelled" : "");
    if (json_is_object(error)) {
        line(out, "error", text_of(error, "message"));
        line(out, "code", text_of(error, "code"));
    }
    show_progress(job, out);
    show_made(job, out);
    show_price(job, out);
    fprintf(out, "  %-10s%s\n", "created", job_show_time(text_of(job, "created_at")).text);
    if (text_of(job, "finished_at"))
        fprintf(out, "  %-10s%s\n", "finished", job_show_time(text_of(job, "finished_at")).text);
    show_clip(job, out);
}

/* ---- many jobs ---- */

void job_show_head(FILE *out)
{
    fprintf(out, "%-16s  %-*s  %4s  %-19s  %-*s  %s\n", "ID", STATE_WIDTH, "STATE", "DONE", "CREATED", MODEL_WIDTH,
            "MODEL", "PROMPT");
}

void job_show_row(const json_t *job, FILE *out)
{
    fprintf(out, "%-16s  ", job_show_word(job, "id").text);
    clean_print(out, text_of(job, "state"), STATE_WIDTH, 1);
    fprintf(out, "  %3.0f%%  %-19s  ", 100 * json_number_value(json_object_get(job, "progress")),
            job_show_time(text_of(job, "created_at")).text);
    clean_print(out, text_of(job, "model"), MODEL_WIDTH, 1);
    fputs("  ", out);
    clean_print(out, text_of(job, "prompt"), PROMPT_WIDTH, 0);
    fputc('\n', out);
}
