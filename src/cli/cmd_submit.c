/* conch submit: a job for a server, with or without waiting for its clip. */
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/follow.h"
#include "cli/job_show.h"
#include "cli/money.h"
#include "cli/paths.h"
#include "cli/patience.h"
#include "cli/stop.h"
#include "cli/style.h"
#include "cli/submit_form.h"

enum { SUBMIT_TIMEOUT_MS = 300 * 1000 /* the server may have to fetch pictures first */ };

static int read_settings(int argc, const char *const *argv, struct submit_settings *settings, const char **ret_prompt,
                         conch_error *err)
{
    struct option_words words;
    int rc = option_parse(submit_options, argc, argv, settings, &words, err);
    if (rc < 0)
        return rc;
    if (words.count > 1)
        return conch_error_set(err, CONCH_ERR_RANGE, "'%s' is one word too many; put the prompt in quotes",
                               words.word[1]);
    if (words.count == 0 && !settings->first_frame && !settings->references.count && !settings->subjects.count)
        return conch_error_set(err, CONCH_ERR_RANGE, "submit needs a prompt, or a picture with --first-frame");
    settings->wait |= settings->output != NULL;
    if (settings->estimate && settings->wait)
        return conch_error_set(err, CONCH_ERR_RANGE, "--estimate and %s exclude each other",
                               settings->output ? "--output" : "--wait");
    if (settings->size.width && settings->resolution)
        return conch_error_set(err, CONCH_ERR_RANGE, "--size and --resolution exclude each other");
    *ret_prompt = words.count ? words.word[0] : NULL;
    return settings->output ? paths_check_writable(settings->output, "--output", err) : 0;
}

/* ---- --estimate ---- */

static void estimate_print(const json_t *estimate)
{
    const json_t *price = json_object_get(estimate, "price");
    const json_t *wait = json_object_get(estimate, "wait_seconds"), *run = json_object_get(estimate, "run_seconds");
    json_int_t amount = json_integer_value(json_object_get(price, "amount"));
    enum money_unit unit = MONEY_MICROUSD;
    money_unit_parse(json_string_value(json_object_get(price, "unit")), &unit);
    printf("model     %s", job_show_word(estimate, "model").text);
    if (strcmp(job_show_word(estimate, "model").text, job_show_word(estimate, "served_by").text) != 0)
        printf(", served by %s", job_show_word(estimate, "served_by").text);
    printf("\nclip      %s, %lld s", job_show_word(estimate, "resolution").text,
           (long long)json_integer_value(json_object_get(estimate, "seconds")));
    if (json_is_integer(json_object_get(estimate, "width")))
        printf(", %lldx%lld at %lld fps", (long long)json_integer_value(json_object_get(estimate, "width")),
               (long long)json_integer_value(json_object_get(estimate, "height")),
               (long long)json_integer_value(json_object_get(estimate, "fps")));
    printf("\nprice     %s%s\n", amount ? money_write(amount, unit).text : "free",
           json_is_false(json_object_get(estimate, "affordable")) ? ", more than the account has" : "");
    if (json_is_number(run))
        printf("time      %s", style_duration(json_number_value(run)).text);
    if (json_is_number(run) && json_number_value(wait) >= 1)
        printf(", after %s in the queue", style_duration(json_number_value(wait)).text);
    if (json_is_number(run))
        putchar('\n');
}

static int estimate(const struct client *client, const struct form *form, bool json, conch_error *err)
{
    struct client_answer answer = {.status = 0};
    int rc = client_call(client,
                         &(struct client_request){.path = "/conch/v1/estimate",
                                                  .type = form->type,
                                                  .body = form->body.data,
                                                  .body_size = form->body.size,
                                                  .timeout_ms = SUBMIT_TIMEOUT_MS},
                         &answer, err);
    if (rc == 0 && json)
        rc = job_show_json(answer.json, true, err);
    else if (rc == 0)
        estimate_print(answer.json);
    json_decref(answer.json);
    return rc;
}

/* ---- the job ---- */

/* With --wait, what may work later is tried again: the key makes sure that there is one job whatever was lost. */
static int send_job(const struct client *client, const struct form *form, const struct submit_settings *settings,
                    struct report *report, json_t **ret_job, conch_error *err)
{
    struct client_once once = client_once();
    struct patience patience = {.limit_ms = settings->wait ? (int64_t)settings->patience_s * 1000 : 0};
    const struct client_request request = {.path = "/conch/v1/jobs",
                                           .type = form->type,
                                           .body = form->body.data,
                                           .body_size = form->body.size,
                                           .once = settings->once ? settings->once : once.text,
                                           .timeout_ms = SUBMIT_TIMEOUT_MS};
    for (bool first = true;; first = false) {
        struct client_answer answer = {.status = 0};
        int rc = client_call(client, &request, &answer, err);
        if (rc == 0) {
            *ret_job = answer.json;
            return 0;
        }
        if (!answer.transient || (first && answer.unreachable) || !patience.limit_ms)
            return rc;
        if (first)
            report_warning(report, "%s; trying again for %s", err->text,
                           style_duration((double)patience.limit_ms / 1000).text);
        if (!patience_wait(&patience, answer.retry_after_ms))
            return stop_check(err) < 0 ? CONCH_ERR_CANCELLED : rc;
    }
}

static int submitted(const struct submit_settings *settings, struct report *report, const json_t *job, conch_error *err)
{
    struct job_show_word id = job_show_word(job, "id");
    if (settings->json && !settings->wait)
        return job_show_json(job, true, err);
    if (settings->json) {
        report_event(report, "submitted", json_pack("{s:s, s:O}", "id", id.text, "job", job));
        return 0;
    }
    if (json_is_true(json_object_get(job, "sandbox")))
        report_warning(report, "%s is rehearsed here: its rules, and pixels made by %s",
                       job_show_word(job, "model").text, job_show_word(job, "served_by").text);
    if (settings->wait) {
        if (!settings->quiet)
            fprintf(stderr, "job %s, %s, %s, %lld s\n", id.text, job_show_word(job, "model").text,
                    job_show_word(job, "resolution").text,
                    (long long)json_integer_value(json_object_get(job, "seconds")));
        return 0;
    }
    printf("%s\n", id.text);
    if (!settings->quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "`conch wait %s -o FILE` waits for the clip\n", id.text);
    return 0;
}

static int submit(const struct client *client, const struct form *form, const struct submit_settings *settings,
                  struct report *report, conch_error *err)
{
    json_t *job = NULL;
    int rc = send_job(client, form, settings, report, &job, err);
    if (rc == CONCH_ERR_CANCELLED)
        return conch_error_set(err, rc,
                               "stopped before the server had answered; `conch jobs` shows whether there is a job");
    if (rc < 0)
        return rc;
    rc = submitted(settings, report, job, err);
    struct job_show_word id = job_show_word(job, "id");
    json_decref(job);
    if (rc == 0 && settings->wait)
        rc = follow_job(client,
                        &(struct follow){.id = id.text,
                                         .output = settings->output,
                                         .cancel_on_interrupt = settings->cancel_on_interrupt,
                                         .patience_ms = (int64_t)settings->patience_s * 1000,
                                         .report = report},
                        err);
    return rc;
}

static int run(int argc, const char *const *argv)
{
    struct submit_settings settings = {.patience_s = PATIENCE_DEFAULT_S};
    struct client client = {.base = NULL};
    struct form form = {.type = ""};
    struct report report;
    const char *prompt = NULL;
    conch_error err = {0};
    int rc = read_settings(argc, argv, &settings, &prompt, &err);
    report_init(&report, settings.json && settings.wait, settings.quiet);
    if (rc == 0)
        rc = submit_form_make(&form, &settings, prompt, &err);
    if (rc == 0)
        rc = client_open(&client, &settings.client, &err);
    if (rc == 0)
        rc = settings.estimate ? estimate(&client, &form, settings.json, &err)
                               : submit(&client, &form, &settings, &report, &err);
    form_finish(&form);
    client_close(&client);
    return rc < 0 ? report_error(&report, &err, NULL) : 0;
}

const struct command command_submit = {
    .name = "submit",
    .arguments = "PROMPT [OPTION ...]",
    .summary = "gives a job to a server",
    .details = "  conch submit \"a red ball bounces on grass\" -o ball.mp4\n"
               "  conch submit \"it rolls to the left\" --first-frame ball.png --model MiniMax-Hailuo-02 --estimate\n"
               "  id=$(conch submit \"a blue square slides\") && conch wait $id -o square.mp4\n",
    .options = submit_options,
    .run = run,
};
