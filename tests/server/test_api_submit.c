/* Submitting: what is taken, what is refused and why, and that a refusal leaves nothing behind. */
#include "api_test.h"

#include <pthread.h>

static struct api_job job;

static void submit(const struct api_submit *ask)
{
    assert_done(api_job_submit(world.api, &world.admin, ask, NULL, &job, &world.problem));
}

static int refused(const struct api_submit *ask)
{
    return api_job_submit(world.api, &world.admin, ask, NULL, &job, &world.problem);
}

static const char *detail(const char *name)
{
    return json_string_value(json_object_get(api_job_details(&job), name));
}

static void a_job_of_our_own_model_waits_in_the_queue(void **state)
{
    world_start(NULL);
    struct api_submit ask = world_ask(TINY, "a red ball bounces on the grass");
    ask.seed = 7;
    ask.seconds = 1;
    submit(&ask);
    assert_int_equal(job.row.job.state, JOB_QUEUED);
    assert_string_equal(job.row.backend, "local");
    assert_string_equal(job.row.served_by, TINY);
    assert_false(job.sandbox);
    assert_int_equal(job.row.seed, 7);
    assert_int_equal(job.row.seconds, 1);
    assert_int_equal(job.row.width, 256);
    assert_int_equal(job.row.height, 160);
    assert_int_equal(job.row.quoted, 0);
    assert_string_equal(job.row.prompt, "a red ball bounces on the grass");
    struct api_job read;
    assert_done(api_job_get(world.api, &world.admin, job.row.job.id, &read, &world.problem));
    assert_string_equal(read.row.prompt_used, job.row.prompt_used);
    assert_int_equal(read.place, 0);
    api_job_finish(&read);
    api_job_finish(&job);
}

static void a_hosted_model_is_rehearsed_at_no_cost_and_says_so(void **state)
{
    world_start(NULL);
    const int64_t before = world_available();
    struct api_submit ask = world_ask(HAILUO, "A fox runs [Push in, Pan left] through the snow [Static shot]");
    submit(&ask);
    assert_true(job.sandbox);
    assert_string_equal(job.row.backend, "sandbox");
    assert_string_equal(job.row.served_by, TINY);
    assert_string_equal(job.row.model, "minimax/hailuo-02");
    assert_string_equal(job.row.model_asked, HAILUO);
    assert_string_equal(job.row.resolution, "768P");
    assert_int_equal(job.row.seconds, 6);
    assert_int_equal(job.row.quoted, 0);
    assert_int_equal(json_integer_value(json_object_get(api_job_details(&job), "list_microusd")), 280000);
    assert_true(json_is_true(json_object_get(api_job_details(&job), "sandbox")));
    assert_string_equal(detail("optimizer"), "local");
    assert_true(json_array_size(json_object_get(api_job_details(&job), "notes")) > 0);
    const json_t *camera = json_object_get(api_job_details(&job), "camera");
    assert_int_equal(json_array_size(camera), 2);
    assert_string_equal(json_string_value(json_array_get(json_array_get(camera, 0), 1)), "Pan left");
    assert_string_not_equal(job.row.prompt_used, job.row.prompt);
    assert_int_equal(world_available(), before);
    api_job_finish(&job);
}

static void with_the_optimizer_off_the_prompt_is_left_as_it_is(void **state)
{
    static const char prompt[] = "  Ein Fuchs \xe7\x8b\x90 läuft,\n\tdann steht er.  ";
    world_start(NULL);
    struct api_submit ask = world_ask(HAILUO, prompt);
    ask.optimizer = API_OFF;
    submit(&ask);
    assert_string_equal(job.row.prompt_used, prompt);
    assert_string_equal(detail("optimizer"), "off");
    api_job_finish(&job);
}

static void charged_jobs_hold_the_list_price(void **state)
{
    world_start((const char *[]){"sandbox.charge=true", "credits.starting_microusd=500000", NULL});
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    submit(&ask);
    assert_int_equal(job.row.quoted, 280000);
    assert_int_equal(world_available(), 220000);
    assert_refused(refused(&ask), API_BALANCE, "");
    assert_non_null(strstr(world.problem.text, "280000"));
    struct api_job cancelled;
    assert_done(api_job_cancel(world.api, &world.admin, job.row.job.id, NULL, &cancelled, &world.problem));
    api_job_finish(&cancelled);
    assert_int_equal(world_available(), 500000);
    api_job_finish(&job);
}

static void a_keys_budget_ends_before_the_accounts_money(void **state)
{
    world_start((const char *[]){"sandbox.charge=true", NULL});
    struct api_key_made made;
    const struct api_key_new add = {.budget_microusd = 300000, .queued_max = -1, .running_max = -1, .priority_max = -1};
    assert_done(api_key_add(world.api, &world.admin, &add, NULL, &made, &world.problem));
    const struct api_caller caller = world_caller(made.secret);
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    world_submit(&caller, &ask);
    assert_refused(api_job_submit(world.api, &caller, &ask, NULL, &job, &world.problem), API_BUDGET, "");
}

static void our_own_models_cost_only_when_the_operator_says_so(void **state)
{
    world_start((const char *[]){"credits.charge_local=true", "aliases.MiniMax-Hailuo-02=conch/tiny", NULL});
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    submit(&ask);
    assert_int_equal(job.row.quoted, 280000);
    api_job_finish(&job);
}

static void what_cannot_be_made_is_refused_with_what_can(void **state)
{
    world_start(NULL);
    const int64_t before = world_available();
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    ask.resolution = "1080P";
    ask.seconds = 10;
    assert_refused(refused(&ask), API_INVALID, "seconds");
    assert_non_null(strstr(world.problem.allowed, "1080P with 6"));
    ask = world_ask("MiniMax-Hailuo-2.3-Fast", "a red ball");
    assert_refused(refused(&ask), API_INVALID, "first_frame");
    ask = world_ask("hailuo", "a red ball");
    assert_refused(refused(&ask), API_INVALID, "model");
    assert_non_null(strstr(world.problem.allowed, "minimax/hailuo-02"));
    ask = world_ask(HAILUO, NULL);
    assert_refused(refused(&ask), API_INVALID, "prompt");
    ask = world_ask(HAILUO, "a red ball");
    ask.steps = 10;
    assert_refused(refused(&ask), API_INVALID, "steps");
    ask = world_ask(TINY, "a red ball");
    ask.width = 100;
    ask.height = 100;
    assert_refused(refused(&ask), API_INVALID, "size");
    assert_non_null(strstr(world.problem.allowed, "256x160"));
    ask = world_ask(TINY, "a red ball");
    ask.priority = 10;
    assert_refused(refused(&ask), API_INVALID, "priority");
    ask = world_ask(TINY, "a red ball");
    ask.task = "image";
    assert_refused(refused(&ask), API_UNAVAILABLE_HERE, "task");
    struct api_job_list list;
    assert_done(api_job_list(world.api, &world.admin, &(struct store_job_filter){0}, &(struct store_page){.count = 10},
                             true, &list, &world.problem));
    assert_int_equal(list.total, 0);
    api_job_list_finish(&list);
    assert_int_equal(world_available(), before);
}

static void prompts_that_hide_something_are_refused(void **state)
{
    world_start(NULL);
    struct api_submit ask = world_ask(HAILUO, "ab\xe2\x80\x8b\xe2\x80\x8b\xe2\x80\x8b\xe2\x80\x8b\xe2\x80\x8b"
                                              "cd");
    assert_refused(refused(&ask), API_INVISIBLE, "prompt");
    ask.prompt = "\xff\xfe";
    assert_refused(refused(&ask), API_INVALID, "prompt");
    ask.prompt = "a runner \xf0\x9f\x8f\x83\xe2\x80\x8d\xe2\x99\x80\xef\xb8\x8f on a hill"; /* joiner and selector */
    submit(&ask);
    api_job_finish(&job);
}

static void metadata_is_kept_and_bounded(void **state)
{
    world_start(NULL);
    struct api_submit ask = world_ask(TINY, "a red ball");
    ask.metadata = json_pack("{s:s}", "shot", "12b");
    submit(&ask);
    assert_string_equal(json_string_value(json_object_get(json_object_get(api_job_details(&job), "metadata"), "shot")),
                        "12b");
    json_object_set_new(ask.metadata, "n", json_integer(1));
    assert_refused(refused(&ask), API_INVALID, "metadata");
    json_decref(ask.metadata);
    api_job_finish(&job);
}

static void the_sandbox_rehearses_refusals(void **state)
{
    static const struct {
        const char *prompt;
        enum api_kind kind;
        const char *field;
    } rows[] = {{"a ball [sandbox:content_policy]", API_CONTENT_POLICY, "prompt"},
                {"a ball [sandbox:balance]", API_BALANCE, ""},
                {"a ball [sandbox:rate_limit]", API_RATE_LIMIT, ""},
                {"a ball [sandbox:invalid]", API_INVALID, "prompt"},
                {"a ball [sandbox:no_such_thing]", API_INVALID, "prompt"}};
    world_start(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct api_submit ask = world_ask(HAILUO, rows[i].prompt);
        assert_refused(refused(&ask), rows[i].kind, rows[i].field);
    }
    struct api_submit ask = world_ask(HAILUO, "a red ball [sandbox:output_policy] [sandbox:slow=3]");
    submit(&ask);
    assert_null(strstr(job.row.prompt_used, "sandbox"));
    const json_t *rehearse = json_object_get(api_job_details(&job), "rehearse");
    assert_string_equal(json_string_value(json_object_get(rehearse, "kind")), "output_policy");
    assert_int_equal(json_integer_value(json_object_get(rehearse, "seconds")), 3);
    api_job_finish(&job);
    ask = world_ask(TINY, "a red ball [sandbox:balance]"); /* ordinary words for a model of ours */
    submit(&ask);
    api_job_finish(&job);
}

static void blocked_words_cost_nothing_and_leave_no_job(void **state)
{
    world_start((const char *[]){"safety.policy=words", NULL});
    struct api_submit ask = world_ask(TINY, "a gore porn rape scene");
    assert_refused(refused(&ask), API_CONTENT_POLICY, "prompt");
    struct api_key_made made;
    const struct api_key_new add = {.policy = "off", .queued_max = -1, .running_max = -1, .priority_max = -1};
    assert_done(api_key_add(world.api, &world.admin, &add, NULL, &made, &world.problem));
    const struct api_caller free_of_it = world_caller(made.secret);
    world_submit(&free_of_it, &ask);
}

static char *classify(void *context, const char *request, size_t *ret_size)
{
    const char *body = strstr(request, "{\"prompt\":\"bad") ? "{\"allowed\":false,\"reason\":\"it is bad\"}"
                       : strstr(request, "odd")             ? "{\"maybe\":1}"
                                                            : "{\"allowed\":true}";
    char *answer = NULL;
    *ret_size = (size_t)asprintf(&answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                                 strlen(body), body);
    return answer;
}

static void a_classifier_decides_and_its_silence_is_no_yes(void **state)
{
    struct world_http http = {.answer = classify};
    char url[80];
    world_http_start(&http);
    snprintf(url, sizeof url, "safety.classifier_url=http://127.0.0.1:%d/check", http.port);
    world_start((const char *[]){"safety.policy=http", url, NULL});
    struct api_submit ask = world_ask(TINY, "good");
    submit(&ask);
    api_job_finish(&job);
    ask.prompt = "bad";
    assert_refused(refused(&ask), API_CONTENT_POLICY, "prompt");
    assert_non_null(strstr(world.problem.text, "it is bad"));
    ask.prompt = "odd";
    assert_refused(refused(&ask), API_BUSY, "");
    world_http_stop(&http);
    ask.prompt = "good";
    assert_refused(refused(&ask), API_BUSY, "");
}

static char *chat(void *context, const char *request, size_t *ret_size)
{
    static const char body[] = "{\"choices\":[{\"message\":{\"content\":\" A blue cube slides over the snow.\\n\"}}]}";
    char *answer = NULL;
    assert_non_null(strstr(request, "/v1/chat/completions"));
    *ret_size = (size_t)asprintf(&answer, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                                 *(int *)context ? "200 OK" : "500 No", strlen(body), body);
    return answer;
}

static void a_chat_service_rewrites_and_the_rules_stand_in_for_it(void **state)
{
    int works = 1;
    struct world_http http = {.answer = chat, .context = &works};
    char url[80];
    world_http_start(&http);
    snprintf(url, sizeof url, "optimizer.chat_url=http://127.0.0.1:%d/v1", http.port);
    world_start((const char *[]){"optimizer.mode=chat", "optimizer.chat_model=m", url, NULL});
    struct api_submit ask = world_ask(TINY, "something cold");
    submit(&ask);
    assert_string_equal(detail("optimizer"), "chat");
    assert_non_null(strstr(job.row.prompt_used, "cube"));
    api_job_finish(&job);
    works = 0;
    submit(&ask);
    assert_string_equal(detail("optimizer"), "local");
    const json_t *notes = json_object_get(api_job_details(&job), "notes");
    assert_non_null(strstr(json_string_value(json_array_get(notes, 0)), "chat service"));
    api_job_finish(&job);
    world_http_stop(&http);
}

static void an_alias_keeps_the_rules_of_the_name_and_shows_who_serves(void **state)
{
    world_start((const char *[]){"aliases.MiniMax-Hailuo-02=conch/tiny", "aliases.my-model=minimax/hailuo-2.3", NULL});
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    submit(&ask);
    assert_string_equal(job.row.model, "minimax/hailuo-02");
    assert_string_equal(job.row.served_by, TINY);
    assert_string_equal(job.row.backend, "local");
    assert_string_equal(job.row.resolution, "768P");
    assert_int_equal(job.row.width, 256); /* what will really be made */
    assert_int_equal(job.row.seconds, 3);
    assert_string_equal(detail("alias"), HAILUO);
    api_job_finish(&job);
    ask.resolution = "720P";
    assert_refused(refused(&ask), API_INVALID, "resolution");
    ask = world_ask("my-model", "a red ball");
    submit(&ask);
    assert_string_equal(job.row.model, "minimax/hailuo-2.3");
    assert_string_equal(job.row.model_asked, "my-model");
    assert_true(job.sandbox);
    api_job_finish(&job);
}

static void without_the_sandbox_hosted_models_are_not_to_be_had(void **state)
{
    world_start((const char *[]){"sandbox.enabled=false", NULL});
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    assert_refused(refused(&ask), API_UNAVAILABLE_HERE, "model");
}

static void h3_gets_its_context_beside_the_words_of_the_sandbox(void **state)
{
    world_start(NULL);
    struct api_submit ask = world_ask("MiniMax-H3", "A fox runs over snow, then stops.");
    ask.resolution = "768P";
    ask.seconds = 5;
    ask.ratio = "16:9";
    submit(&ask);
    assert_non_null(strstr(detail("h3_context"), "integrated_multimodal_description"));
    assert_null(strstr(job.row.prompt_used, "integrated_multimodal_description"));
    api_job_finish(&job);
    ask.task = "context";
    submit(&ask);
    assert_string_equal(job.row.task, "context");
    assert_non_null(strstr(job.row.prompt_used, "integrated_multimodal_description"));
    api_job_finish(&job);
    ask.model = HAILUO;
    assert_refused(refused(&ask), API_INVALID, "model");
}

static void queued_jobs_of_a_key_are_bounded(void **state)
{
    world_start((const char *[]){"limits.queued_per_key=2", NULL});
    struct api_submit ask = world_ask(TINY, "a red ball");
    const int64_t first = world_submit(&world.admin, &ask);
    world_submit(&world.admin, &ask);
    assert_refused(refused(&ask), API_QUEUE_FULL, "");
    assert_true(world.problem.retry_after_s > 0);
    world_work(first, WORLD_SUCCEEDED);
    world_submit(&world.admin, &ask);
    const struct api_caller other = world_key(STORE_SCOPE_GENERATE);
    world_submit(&other, &ask);
}

static void a_revoked_key_makes_no_more_jobs_though_it_was_looked_up_before(void **state)
{
    world_start(NULL);
    const struct api_caller caller = world_key(STORE_SCOPE_GENERATE);
    struct store_key key;
    struct api_submit ask = world_ask(TINY, "a red ball");
    world_submit(&caller, &ask);
    assert_done(api_key_revoke(world.api, &world.admin, caller.key.id, &key, &world.problem));
    assert_refused(api_job_submit(world.api, &caller, &ask, NULL, &job, &world.problem), API_UNAUTHORIZED, "");
}

static void a_key_without_the_scope_makes_no_jobs(void **state)
{
    world_start(NULL);
    const struct api_caller caller = world_key(STORE_SCOPE_READ);
    struct api_submit ask = world_ask(TINY, "a red ball");
    assert_refused(api_job_submit(world.api, &caller, &ask, NULL, &job, &world.problem), API_FORBIDDEN, "");
    assert_string_equal(world.problem.allowed, "generate");
    struct api_estimate estimate;
    assert_refused(api_estimate(world.api, &caller, &ask, &estimate, &world.problem), API_FORBIDDEN, "");
}

static void an_estimate_says_what_a_submit_would_hold(void **state)
{
    world_start((const char *[]){"sandbox.charge=true", NULL});
    world_worker("{\"models\":[{\"name\":\"conch/tiny\",\"modes\":[\"text\"],\"sizes\":[[256,160]],\"frames\":[33],"
                 "\"fps\":16}],\"ms_per_clip\":{\"conch/tiny\":4000}}");
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    struct api_estimate estimate;
    ask.seconds = 10;
    world_submit(&world.admin, &ask);
    const int64_t before = world_available();
    assert_done(api_estimate(world.api, &world.admin, &ask, &estimate, &world.problem));
    assert_int_equal(estimate.amount, 560000);
    assert_int_equal(estimate.list_microusd, 560000);
    assert_int_equal(estimate.available, before);
    assert_int_equal(estimate.run_ms, 4000);
    assert_int_equal(estimate.wait_ms, 4000);
    assert_true(estimate.sandbox);
    assert_true(estimate.prompt_used[0] != 0);
    api_estimate_finish(&estimate);
    assert_int_equal(world_available(), before);
    ask.seconds = 7;
    assert_refused(api_estimate(world.api, &world.admin, &ask, &estimate, &world.problem), API_INVALID, "seconds");
}

/* ---- the same request again ---- */

static int render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    const struct api_job *made = result;
    *ret_status = 201;
    return buf_append_format(ret_body, err, "{\"id\":\"%lld\"}", (long long)made->row.job.id);
}

static struct api_once once_of(const char *key, const char *request)
{
    return (struct api_once){.key = key,
                             .scope = "POST /conch/v1/jobs",
                             .request = request,
                             .request_size = strlen(request),
                             .render = render};
}

static void the_same_request_gets_the_same_bytes(void **state)
{
    world_start(NULL);
    struct api_submit ask = world_ask(TINY, "a red ball");
    struct api_once first = once_of("k", "body"), again = once_of("k", "body"), other = once_of("k", "other");
    assert_done(api_job_submit(world.api, &world.admin, &ask, &first, &job, &world.problem));
    assert_false(first.replayed);
    assert_int_equal(first.status, 201);
    api_job_finish(&job);
    assert_done(api_job_submit(world.api, &world.admin, &ask, &again, &job, &world.problem));
    assert_true(again.replayed);
    assert_int_equal(again.status, 201);
    assert_string_equal(again.body.data, first.body.data);
    assert_refused(api_job_submit(world.api, &world.admin, &ask, &other, &job, &world.problem), API_REUSED_KEY,
                   "Idempotency-Key");
    const struct api_caller caller = world_key(STORE_SCOPE_GENERATE);
    struct api_once theirs = once_of("k", "other"); /* of another key: nothing to do with it */
    assert_done(api_job_submit(world.api, &caller, &ask, &theirs, &job, &world.problem));
    assert_false(theirs.replayed);
    api_job_finish(&job);
    struct api_once unkeyed = once_of(NULL, "body");
    assert_done(api_job_submit(world.api, &world.admin, &ask, &unkeyed, &job, &world.problem));
    assert_string_not_equal(unkeyed.body.data, first.body.data);
    api_job_finish(&job);
    buf_finish(&first.body);
    buf_finish(&again.body);
    buf_finish(&other.body);
    buf_finish(&theirs.body);
    buf_finish(&unkeyed.body);
}

static void a_refused_request_can_be_sent_again_with_its_key(void **state)
{
    world_start(NULL);
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    struct api_once bad = once_of("k", "bad"), good = once_of("k", "good");
    ask.seconds = 7;
    assert_refused(api_job_submit(world.api, &world.admin, &ask, &bad, &job, &world.problem), API_INVALID, "seconds");
    ask.seconds = 6;
    assert_done(api_job_submit(world.api, &world.admin, &ask, &good, &job, &world.problem));
    assert_false(good.replayed);
    api_job_finish(&job);
    buf_finish(&bad.body);
    buf_finish(&good.body);
    struct api_once empty = once_of("", "x");
    assert_refused(api_job_submit(world.api, &world.admin, &ask, &empty, &job, &world.problem), API_INVALID,
                   "Idempotency-Key");
}

enum { THREADS = 8 };

struct racer {
    pthread_t thread;
    struct api_once once;
    char *picture;
    int rc;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct api_job made = {0};
    struct api_problem problem;
    const struct api_media media = {.role = STORE_INPUT_FIRST_FRAME, .url = racer->picture};
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    ask.media = &media;
    ask.media_count = 1;
    racer->rc = api_job_submit(world.api, &world.admin, &ask, &racer->once, &made, &problem);
    if (racer->rc == 0 && !racer->once.replayed)
        api_job_finish(&made);
    return NULL;
}

static void many_at_once_with_one_key_make_one_job(void **state)
{
    struct racer racers[THREADS] = {0};
    world_start(NULL);
    char *picture = world_data_url("image/png", 512, 320);
    for (size_t i = 0; i < THREADS; i++) {
        racers[i].once = once_of("race", "body");
        racers[i].picture = picture;
        pthread_create(&racers[i].thread, NULL, race, &racers[i]);
    }
    size_t made = 0;
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(racers[i].thread, NULL);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(racers[i].rc, 0);
        made += !racers[i].once.replayed;
        assert_string_equal(racers[i].once.body.data, racers[0].once.body.data);
    }
    assert_int_equal(made, 1);
    struct api_job_list list;
    assert_done(api_job_list(world.api, &world.admin, &(struct store_job_filter){0}, &(struct store_page){.count = 10},
                             true, &list, &world.problem));
    assert_int_equal(list.total, 1);
    api_job_list_finish(&list);
    assert_int_equal(world_blobs(), 1); /* the pictures of the others are gone again */
    for (size_t i = 0; i < THREADS; i++)
        buf_finish(&racers[i].once.body);
    free(picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        api_test(a_job_of_our_own_model_waits_in_the_queue),
        api_test(a_hosted_model_is_rehearsed_at_no_cost_and_says_so),
        api_test(with_the_optimizer_off_the_prompt_is_left_as_it_is),
        api_test(charged_jobs_hold_the_list_price),
        api_test(a_keys_budget_ends_before_the_accounts_money),
        api_test(our_own_models_cost_only_when_the_operator_says_so),
        api_test(what_cannot_be_made_is_refused_with_what_can),
        api_test(prompts_that_hide_something_are_refused),
        api_test(metadata_is_kept_and_bounded),
        api_test(the_sandbox_rehearses_refusals),
        api_test(blocked_words_cost_nothing_and_leave_no_job),
        api_test(a_classifier_decides_and_its_silence_is_no_yes),
        api_test(a_chat_service_rewrites_and_the_rules_stand_in_for_it),
        api_test(an_alias_keeps_the_rules_of_the_name_and_shows_who_serves),
        api_test(without_the_sandbox_hosted_models_are_not_to_be_had),
        api_test(h3_gets_its_context_beside_the_words_of_the_sandbox),
        api_test(queued_jobs_of_a_key_are_bounded),
        api_test(a_revoked_key_makes_no_more_jobs_though_it_was_looked_up_before),
        api_test(a_key_without_the_scope_makes_no_jobs),
        api_test(an_estimate_says_what_a_submit_would_hold),
        api_test(the_same_request_gets_the_same_bytes),
        api_test(a_refused_request_can_be_sent_again_with_its_key),
        api_test(many_at_once_with_one_key_make_one_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
