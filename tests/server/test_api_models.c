/* Which models there are and what serves them; health and metrics, which tell of the workers as well. */
#include "api_test.h"

static struct api_model models[64];

#define WORKER                                                                                                         \
    "{\"models\":[{\"name\":\"wan2.1-t2v-1.3b\",\"title\":\"Wan\",\"modes\":[\"text\",\"first_last_frame\",\"odd\"],"  \
    "\"sizes\":[[832,480],[480,832],[0,5],\"x\"],\"frames\":[33,81],\"fps\":16,\"default_frames\":81},"                \
    "{\"name\":\"no "                                                                                                  \
    "weights\",\"modes\":[\"text\"],\"sizes\":[[832,480]],\"frames\":[33],\"fps\":16,\"complete\":false},"             \
    "{\"name\":\"broken\"},17],\"threads\":2,\"ms_per_clip\":{\"wan2.1-t2v-1.3b\":90000,\"conch/tiny\":2000}}"

static const struct api_model *listed(const char *slug)
{
    size_t count = 64;
    assert_done(api_model_list(world.api, &world.admin, models, &count, &world.problem));
    for (size_t i = 0; i < count; i++)
        if (strcmp(models[i].model->slug, slug) == 0)
            return &models[i];
    return NULL;
}

static void every_name_says_what_serves_it(void **state)
{
    struct api_model model;
    world_start((const char *[]){"aliases.MiniMax-Hailuo-2.3=conch/tiny", NULL});
    assert_done(api_model_get(world.api, HAILUO, &model, &world.problem));
    assert_true(model.sandbox && model.available);
    assert_string_equal(model.served_by, TINY);
    assert_string_equal(model.backend, "sandbox");
    assert_done(api_model_get(world.api, "minimax/hailuo-2.3", &model, &world.problem));
    assert_string_equal(model.backend, "local");
    assert_string_equal(model.alias, HAILUO3);
    assert_done(api_model_get(world.api, TINY, &model, &world.problem));
    assert_false(model.sandbox);
    assert_done(api_model_get(world.api, NULL, &model, &world.problem)); /* the operator's default */
    assert_string_equal(model.model->slug, TINY);
    assert_refused(api_model_get(world.api, "hailuo", &model, &world.problem), API_INVALID, "model");
    assert_non_null(strstr(world.problem.allowed, "minimax/hailuo-2.3"));
    assert_refused(api_model_get(world.api, "no such model", &model, &world.problem), API_NOT_FOUND, "model");
    assert_non_null(listed("minimax/hailuo-02"));
    const struct api_caller caller = world_key(STORE_SCOPE_GENERATE);
    size_t count = 64;
    assert_refused(api_model_list(world.api, &caller, models, &count, &world.problem), API_FORBIDDEN, "");
}

static void an_alias_to_nowhere_is_not_available(void **state)
{
    struct api_model model;
    struct api_job job;
    world_start((const char *[]){"aliases.MiniMax-Hailuo-02=gone", "aliases.mine=gone", NULL});
    assert_done(api_model_get(world.api, HAILUO, &model, &world.problem));
    assert_false(model.available);
    assert_non_null(strstr(model.reason, "gone"));
    assert_refused(api_model_get(world.api, "mine", &model, &world.problem), API_UNAVAILABLE_HERE, "model");
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_UNAVAILABLE_HERE,
                   "model");
}

static void models_of_a_workers_folder_can_be_asked_for(void **state)
{
    struct api_job job;
    world_start(NULL);
    assert_null(listed("wan2.1-t2v-1.3b"));
    world_stop();
    world_start(NULL);
    world_worker(WORKER);
    const struct api_model *wan = listed("wan2.1-t2v-1.3b");
    assert_non_null(wan);
    assert_true(wan->available);
    assert_string_equal(wan->backend, "local");
    assert_int_equal(wan->model->output_count, 2);
    assert_int_equal(wan->model->default_seconds, 5);
    assert_null(listed("broken"));
    assert_null(listed("no weights"));
    struct api_submit ask = world_ask("wan2.1-t2v-1.3b", "a fox");
    ask.width = 480;
    ask.height = 832;
    ask.seconds = 2;
    ask.steps = 20;
    ask.guidance = 5;
    ask.negative = "blur";
    assert_done(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem));
    assert_int_equal(job.row.width, 480);
    assert_int_equal(job.row.height, 832);
    assert_int_equal(job.row.fps, 16);
    assert_string_equal(job.row.resolution, "480x832");
    assert_int_equal(json_integer_value(json_object_get(api_job_details(&job), "steps")), 20);
    assert_string_equal(json_string_value(json_object_get(api_job_details(&job), "negative")), "blur");
    assert_true(strncmp(job.row.prompt_used, "A fox", 5) == 0 || strncmp(job.row.prompt_used, "a fox", 5) == 0);
    const int64_t id = job.row.job.id;
    api_job_finish(&job);
    assert_done(api_job_get(world.api, &world.admin, id, &job, &world.problem));
    assert_true(job.eta_ms > job.row.job.created_ms + 80000);
    api_job_finish(&job);
    ask = world_ask("wan2.1-t2v-1.3b", "a fox");
    ask.resolution = "480P"; /* the first with that side */
    assert_done(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem));
    assert_int_equal(job.row.width, 832);
    assert_int_equal(job.row.seconds, 5);
    api_job_finish(&job);
    ask.seconds = 3;
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_INVALID, "seconds");
}

static void workers_without_the_model_make_nothing(void **state)
{
    struct api_job job;
    struct api_submit ask = world_ask(TINY, "a red ball");
    world_start(NULL);
    assert_done(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem)); /* none has said yet */
    api_job_finish(&job);
    world_stop();
    world_start(NULL);
    world_worker("{\"models\":[]}");
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_UNAVAILABLE_HERE,
                   "model");
    ask = world_ask(HAILUO, "a red ball");
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_UNAVAILABLE_HERE,
                   "model");
}

static void workers_are_shown_to_admins(void **state)
{
    struct store_worker workers[4];
    size_t count = 4;
    world_start(NULL);
    world_worker(WORKER);
    assert_done(api_worker_list(world.api, &world.admin, workers, &count, &world.problem));
    assert_int_equal(count, 1);
    assert_string_equal(workers[0].kind, "engine");
    store_worker_finish(&workers[0]);
    const struct api_caller caller = world_stranger();
    assert_refused(api_worker_list(world.api, &caller, workers, &count, &world.problem), API_FORBIDDEN, "");
}

static void health_tells_what_is_missing(void **state)
{
    struct api_health health;
    world_start(NULL);
    assert_int_equal(api_health(world.api, &health), -1);
    assert_true(health.store && health.blobs && !health.engine);
    assert_non_null(strstr(health.text, "worker"));
    struct api_submit ask = world_ask(TINY, "a red ball");
    world_submit(&world.admin, &ask);
    world_worker(WORKER);
    assert_int_equal(api_health(world.api, &health), 0);
    assert_int_equal(health.queued, 1);
    assert_true(health.free_bytes > 0);
}

static void metrics_are_text_for_prometheus(void **state)
{
    struct buf text;
    struct api_job job;
    world_start(NULL);
    struct api_submit ask = world_ask(TINY, "a red ball");
    world_submit(&world.admin, &ask);
    ask.seconds = 60;
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_INVALID, "seconds");
    buf_init(&text, 1 << 20);
    assert_int_equal(api_metrics(world.api, &text, &world.err), 0);
    assert_non_null(strstr(text.data, "\nconch_jobs_submitted_total 1\n"));
    assert_non_null(strstr(text.data, "\nconch_jobs_queued 1\n"));
    assert_non_null(strstr(text.data, "\nconch_submits_refused_total{reason=\"invalid\"} 1\n"));
    for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n")) {
        char name[100], rest[200];
        const bool comment = strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0;
        assert_true(comment || sscanf(line, "%99[a-z_]%199[^\n]", name, rest) == 2);
    }
    buf_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        api_test(every_name_says_what_serves_it),
        api_test(an_alias_to_nowhere_is_not_available),
        api_test(models_of_a_workers_folder_can_be_asked_for),
        api_test(workers_without_the_model_make_nothing),
        api_test(workers_are_shown_to_admins),
        api_test(health_tells_what_is_missing),
        api_test(metrics_are_text_for_prometheus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
