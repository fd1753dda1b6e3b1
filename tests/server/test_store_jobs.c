/* Jobs in the store: rows that come back whole, lists, what is due, the log, money at the ends of a job. */
#include <stdlib.h>
#include <string.h>

#include "store_world.h"

static int job_of(void *context, struct store_tx *tx, conch_error *err)
{
    struct store_job *job = context;
    return store_job_get(tx, job->job.id, job->account_id, job, err);
}

static struct store_job job_read(struct store *store, int64_t id)
{
    struct store_job job = {.job = {.id = id}};
    world_read(store, job_of, &job, 0, NULL);
    return job;
}

static int64_t step_of(struct store *store, int64_t id, enum world_arrow arrow, int64_t fence, int64_t now_ms)
{
    struct world_step step = {.id = id, .arrow = arrow, .fence = fence, .now_ms = now_ms, .error = JOB_ERROR_INTERNAL};
    world_write(store, world_job_step, &step, 0, NULL);
    return step.fence;
}

static void job_make(struct store *store, int64_t id, int64_t price)
{
    struct world_job job = {.id = id, .price = price, .now_ms = 2000 + id};
    world_write(store, world_job_add, &job, 0, NULL);
}

static int full_job_add(void *context, struct store_tx *tx, conch_error *err)
{
    struct job_event event;
    struct store_job job = {.account_id = WORLD_ACCOUNT,
                            .dialect = (char[]){"minimax1"},
                            .task = (char[]){"generation"},
                            .model_asked = (char[]){"MiniMax-Hailuo-02"},
                            .model = (char[]){"minimax/hailuo-02"},
                            .served_by = (char[]){"conch/tiny"},
                            .backend = (char[]){"sandbox"},
                            .mode = (char[]){"first_frame"},
                            .prompt = (char[]){"\xe4\xb8\x80\xe5\x8f\xaa\xe7\x8c\xab"},
                            .prompt_used = (char[]){"a cat"},
                            .resolution = (char[]){"768P"},
                            .ratio = (char[]){"16:9"},
                            .seconds = 6,
                            .width = 1366,
                            .height = 768,
                            .fps = 25,
                            .seed = INT64_C(9007199254740991),
                            .details = (char[]){"{}"},
                            .error_text = (char[]){"none"},
                            .file_id = 5,
                            .poster_file_id = 6,
                            .unit = LEDGER_MILLICREDIT,
                            .quoted = 7,
                            .charged = 0,
                            .callback_url = (char[]){"https://example.org/hook"},
                            .callback_style = (char[]){"minimax1"},
                            .step = 3,
                            .step_count = 8,
                            .phase = (char[]){"denoise"},
                            .expires_ms = 99,
                            .accepted = -1,
                            .note = (char[]){"too red"}};
    struct store_input inputs[] = {
        {STORE_INPUT_REFERENCE_IMAGE, 1, 72}, {STORE_INPUT_FIRST_FRAME, 0, 70}, {STORE_INPUT_REFERENCE_IMAGE, 0, 71}};
    struct job_settings settings = {.id = 40, .remote = true, .priority = -3, .attempts_max = 5};
    struct store_job_new add = {.job = &job, .event = &event, .inputs = inputs, .input_count = 3};
    int rc = job_create(&job.job, &settings, 1234, &event, err);
    return rc == 0 ? store_job_add(tx, &add, context, err) : rc;
}

static int inputs_of(void *context, struct store_tx *tx, conch_error *err)
{
    size_t count = 0;
    int rc = store_job_inputs(tx, 40, context, &count, err);
    assert_int_equal(count, 3);
    return rc;
}

static void a_job_comes_back_as_it_went_in(void **state)
{
    struct store *store = world_open(100);
    int64_t event_id = 0;
    world_write(store, full_job_add, &event_id, 0, NULL);
    assert_true(event_id > 0);
    struct store_job job = job_read(store, 40);
    assert_int_equal(job.job.state, JOB_QUEUED);
    assert_true(job.job.remote);
    assert_int_equal(job.job.priority, -3);
    assert_int_equal(job.job.attempts_max, 5);
    assert_int_equal(job.job.created_ms, 1234);
    assert_int_equal(job.job.event_count, 1);
    assert_int_equal(job.account_id, WORLD_ACCOUNT);
    assert_string_equal(job.dialect, "minimax1");
    assert_string_equal(job.model_asked, "MiniMax-Hailuo-02");
    assert_string_equal(job.model, "minimax/hailuo-02");
    assert_string_equal(job.served_by, "conch/tiny");
    assert_string_equal(job.backend, "sandbox");
    assert_string_equal(job.mode, "first_frame");
    assert_string_equal(job.prompt, "\xe4\xb8\x80\xe5\x8f\xaa\xe7\x8c\xab");
    assert_string_equal(job.prompt_used, "a cat");
    assert_string_equal(job.resolution, "768P");
    assert_string_equal(job.ratio, "16:9");
    assert_int_equal(job.width, 1366);
    assert_int_equal(job.height, 768);
    assert_int_equal(job.fps, 25);
    assert_int_equal(job.seconds, 6);
    assert_true(job.seed == INT64_C(9007199254740991));
    assert_string_equal(job.details, "{}");
    assert_string_equal(job.error_text, "none");
    assert_int_equal(job.file_id, 5);
    assert_int_equal(job.poster_file_id, 6);
    assert_int_equal(job.unit, LEDGER_MILLICREDIT);
    assert_int_equal(job.quoted, 7);
    assert_string_equal(job.callback_url, "https://example.org/hook");
    assert_string_equal(job.callback_style, "minimax1");
    assert_int_equal(job.step, 3);
    assert_int_equal(job.step_count, 8);
    assert_string_equal(job.phase, "denoise");
    assert_int_equal(job.expires_ms, 99);
    assert_int_equal(job.accepted, -1);
    assert_string_equal(job.note, "too red");
    store_job_finish(&job);
    struct store_input inputs[STORE_INPUTS_MAX];
    world_read(store, inputs_of, inputs, 0, NULL);
    assert_int_equal(inputs[0].file_id, 70);
    assert_int_equal(inputs[1].file_id, 71);
    assert_int_equal(inputs[2].file_id, 72);
    world_write(store, full_job_add, NULL, STORE_ERR_CONFLICT, NULL);
    store_close(store);
}

static void a_job_of_another_account_or_a_deleted_one_is_not_found(void **state)
{
    struct store *store = world_open(100);
    job_make(store, 41, 5);
    struct store_job job = {.job = {.id = 41}, .account_id = 999};
    conch_error err = {0};
    world_read(store, job_of, &job, CONCH_ERR_NOTFOUND, &err);
    assert_string_equal(err.text, "there is no job 41");
    store_close(store);
}

static int mark_deleted(void *context, struct store_tx *tx, conch_error *err)
{
    struct store_job *job = context;
    job->deleted_ms = 5000;
    job->accepted = 1;
    return store_job_mark(tx, job, err);
}

static void who_works_on_a_deleted_job_still_sees_it(void **state)
{
    struct store *store = world_open(100);
    job_make(store, 41, 5);
    struct store_job job = job_read(store, 41);
    world_write(store, mark_deleted, &job, 0, NULL);
    store_job_finish(&job);
    job = (struct store_job){.job = {.id = 41}, .account_id = WORLD_ACCOUNT};
    world_read(store, job_of, &job, CONCH_ERR_NOTFOUND, NULL);
    job = job_read(store, 41);
    assert_int_equal(job.deleted_ms, 5000);
    assert_int_equal(job.accepted, 1);
    store_job_finish(&job);
    store_close(store);
}

struct money {
    int64_t available, held, spent;
};

static int money_of(void *context, struct store_tx *tx, conch_error *err)
{
    struct money *money = context;
    struct ledger_lot lots[LEDGER_LOTS_MAX];
    struct store_key key;
    size_t count = 0;
    *money = (struct money){0};
    int rc = store_lots(tx, WORLD_ACCOUNT, LEDGER_MICROUSD, lots, &count, err);
    for (size_t i = 0; i < count; i++) {
        money->available += lots[i].available;
        money->held += lots[i].held;
    }
    if (rc == 0)
        rc = store_key_get(tx, WORLD_KEY, &key, err);
    money->spent = key.spent_microusd;
    return rc;
}

static void assert_money(struct store *store, int64_t available, int64_t held, int64_t spent)
{
    struct money money;
    world_read(store, money_of, &money, 0, NULL);
    assert_int_equal(money.available, available);
    assert_int_equal(money.held, held);
    assert_int_equal(money.spent, spent);
}

static void a_job_that_succeeds_is_charged_once_by_what_it_used(void **state)
{
    struct store *store = world_open(100);
    job_make(store, 50, 30);
    assert_money(store, 70, 30, 30);
    int64_t fence = step_of(store, 50, WORLD_CLAIM, 0, 3000);
    step_of(store, 50, WORLD_START, fence, 3001);
    step_of(store, 50, WORLD_PROGRESS, fence, 3002);
    step_of(store, 50, WORLD_OUTPUT, fence, 3003);
    struct world_step finish = {.id = 50, .arrow = WORLD_FINISH, .fence = fence, .now_ms = 3004, .charge = 31};
    world_write(store, world_job_step, &finish, CONCH_ERR_RANGE, NULL); /* above the hold: nothing happens */
    assert_money(store, 70, 30, 30);
    finish.charge = 20;
    world_write(store, world_job_step, &finish, 0, NULL);
    assert_money(store, 80, 0, 20);
    struct store_job job = job_read(store, 50);
    assert_int_equal(job.job.state, JOB_SUCCEEDED);
    assert_int_equal(job.charged, 20);
    store_job_finish(&job);
    world_audit(store, 0);
    store_close(store);
}

static void a_job_that_fails_or_is_cancelled_costs_nothing(void **state)
{
    struct store *store = world_open(100);
    job_make(store, 51, 30);
    job_make(store, 52, 40);
    int64_t fence = step_of(store, 51, WORLD_CLAIM, 0, 3000);
    step_of(store, 51, WORLD_FAIL, fence, 3001);
    assert_money(store, 60, 40, 40);
    step_of(store, 52, WORLD_CANCEL, 0, 3002);
    assert_money(store, 100, 0, 0);
    world_audit(store, 0);
    store_close(store);
}

static void a_submit_without_the_money_leaves_nothing_behind(void **state)
{
    struct store *store = world_open(100);
    struct world_job job = {.id = 53, .price = 101, .now_ms = 2000};
    world_write(store, world_job_add, &job, LEDGER_ERR_BALANCE, NULL);
    struct store_job none = {.job = {.id = 53}};
    world_read(store, job_of, &none, CONCH_ERR_NOTFOUND, NULL);
    assert_money(store, 100, 0, 0);
    assert_int_equal(world_audit(store, 0).holds, 0);
    store_close(store);
}

static int budget_set(void *context, struct store_tx *tx, conch_error *err)
{
    struct store_key key;
    int rc = store_key_get(tx, WORLD_KEY, &key, err);
    key.budget_microusd = *(int64_t *)context;
    return rc == 0 ? store_key_update(tx, &key, err) : rc;
}

static void a_keys_budget_is_kept(void **state)
{
    struct store *store = world_open(100);
    int64_t budget = 50;
    world_write(store, budget_set, &budget, 0, NULL);
    job_make(store, 54, 30);
    struct world_job more = {.id = 55, .price = 21, .now_ms = 2000};
    conch_error err = {0};
    world_write(store, world_job_add, &more, STORE_ERR_BUDGET, &err);
    assert_string_equal(err.text, "budget of key 21: 21 micro-USD are wanted, 30 of 50 are spent or held");
    step_of(store, 54, WORLD_CANCEL, 0, 3000);
    world_write(store, world_job_add, &more, 0, NULL); /* what was released is free again */
    assert_money(store, 79, 21, 21);
    world_audit(store, 0);
    store_close(store);
}

static int stale_step(void *context, struct store_tx *tx, conch_error *err)
{
    struct store_job *job = context;
    struct job_event event;
    struct store_job_step step = {.job = job, .event = &event};
    int rc = job_cancel(&job->job, 4000, &event, err);
    return rc == 0 ? store_job_step(tx, &step, NULL, err) : rc;
}

static void a_row_that_has_changed_since_is_not_written(void **state)
{
    struct store *store = world_open(100);
    job_make(store, 56, 30);
    struct store_job read_before = job_read(store, 56);
    step_of(store, 56, WORLD_CLAIM, 0, 3000);
    world_write(store, stale_step, &read_before, JOB_ERR_STALE, NULL);
    store_job_finish(&read_before);
    struct store_job job = job_read(store, 56);
    assert_int_equal(job.job.state, JOB_SUBMITTING);
    store_job_finish(&job);
    assert_money(store, 70, 30, 30);
    store_close(store);
}

static int progress_write(void *context, struct store_tx *tx, conch_error *err)
{
    return store_job_progress(tx, context, err);
}

static void progress_needs_the_fence_and_never_goes_back(void **state)
{
    struct store *store = world_open(100);
    job_make(store, 57, 30);
    int64_t fence = step_of(store, 57, WORLD_CLAIM, 0, 3000);
    step_of(store, 57, WORLD_START, fence, 3001);
    struct store_job job = job_read(store, 57);
    const int64_t lease_ms = job.job.lease_until_ms;
    job.step = 4;
    job.step_count = 8;
    job.job.progress_permille = 500;
    job.job.lease_until_ms = lease_ms + 500;
    world_write(store, progress_write, &job, 0, NULL);
    job.job.progress_permille = 300;
    job.job.lease_until_ms = lease_ms;
    world_write(store, progress_write, &job, 0, NULL);
    job.job.fence = fence + 1;
    world_write(store, progress_write, &job, JOB_ERR_STALE, NULL);
    store_job_finish(&job);
    job = job_read(store, 57);
    assert_int_equal(job.step, 4);
    assert_int_equal(job.job.progress_permille, 500);
    assert_int_equal(job.job.lease_until_ms, lease_ms + 500);
    step_of(store, 57, WORLD_OUTPUT, fence, 3005); /* the count of events is still that of the log */
    store_job_finish(&job);
    world_audit(store, 0);
    store_close(store);
}

/* ---- lists ---- */

struct list_call {
    struct store_job_filter filter;
    struct store_page page;
    int64_t ids[STORE_PAGE_MAX];
    size_t count;
    int64_t counted;
};

static int list_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct list_call *call = context;
    struct store_job *jobs = calloc(call->page.count, sizeof(*jobs));
    int rc = store_job_list(tx, &call->filter, &call->page, jobs, &call->count, err);
    for (size_t i = 0; rc == 0 && i < call->count; i++) {
        call->ids[i] = jobs[i].job.id;
        store_job_finish(&jobs[i]);
    }
    free(jobs);
    return rc == 0 ? store_job_count(tx, &call->filter, &call->counted, err) : rc;
}

/* wanted: ids with a blank between. */
static void assert_list(struct store *store, struct store_job_filter filter, struct store_page page, const char *wanted,
                        int64_t counted)
{
    struct list_call call = {.filter = filter, .page = page};
    char text[512] = "";
    world_read(store, list_work, &call, 0, NULL);
    for (size_t i = 0; i < call.count; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%lld", i ? " " : "", (long long)call.ids[i]);
    assert_string_equal(text, wanted);
    assert_int_equal(call.counted, counted);
}

static struct store *six_jobs(void)
{
    struct store *store = world_open(1000);
    static const char *const prompts[] = {"a red ball", "100% blue", "100 blue cubes", "A RED cube", "x_y", "xay"};
    for (int i = 0; i < 6; i++) {
        struct world_job job = {.id = 60 + i,
                                .price = 1,
                                .now_ms = 2000 + i,
                                .prompt = prompts[i],
                                .model = i % 2 ? "minimax/hailuo-02" : "conch/tiny"};
        world_write(store, world_job_add, &job, 0, NULL);
    }
    step_of(store, 62, WORLD_CLAIM, 0, 3000);
    step_of(store, 64, WORLD_CANCEL, 0, 3000);
    return store;
}

static void lists_have_filters_and_pages(void **state)
{
    struct store *store = six_jobs();
    const struct store_page all = {.count = 100};
    const int64_t account = WORLD_ACCOUNT;
    assert_list(store, (struct store_job_filter){0}, all, "65 64 63 62 61 60", 6);
    assert_list(store, (struct store_job_filter){.account_id = account}, all, "65 64 63 62 61 60", 6);
    assert_list(store, (struct store_job_filter){.account_id = 77}, all, "", 0);
    assert_list(store, (struct store_job_filter){.account_id = account}, (struct store_page){.count = 2}, "65 64", 6);
    assert_list(store, (struct store_job_filter){.account_id = account},
                (struct store_page){.count = 2, .before_id = 64}, "63 62", 6);
    assert_list(store, (struct store_job_filter){.account_id = account},
                (struct store_page){.count = 3, .ascending = true, .after_id = 61}, "62 63 64", 6);
    assert_list(store, (struct store_job_filter){.account_id = account}, (struct store_page){.count = 3, .skip = 4},
                "61 60", 6);
    assert_list(store, (struct store_job_filter){.states = 1u << JOB_SUBMITTING | 1u << JOB_CANCELLED}, all, "64 62",
                2);
    assert_list(store, (struct store_job_filter){.model = "minimax/hailuo-02"}, all, "65 63 61", 3);
    assert_list(store, (struct store_job_filter){.model = "tiny"}, all, "65 64 63 62 61 60", 6); /* as it was asked */
    assert_list(store, (struct store_job_filter){.text = "red"}, all, "63 60", 2);
    assert_list(store, (struct store_job_filter){.text = "100%"}, all, "61", 1);
    assert_list(store, (struct store_job_filter){.text = "X_Y"}, all, "64", 1);
    assert_list(store, (struct store_job_filter){.from_ms = 2001, .until_ms = 2003}, all, "62 61", 2);
    assert_list(store, (struct store_job_filter){.key_id = 5}, all, "", 0);
    assert_list(store, (struct store_job_filter){.mode = "text", .dialect = "conch", .task = "generation"}, all,
                "65 64 63 62 61 60", 6);
    assert_list(store, (struct store_job_filter){.task = "image"}, all, "", 0);
    assert_list(store, (struct store_job_filter){.accepted = 2}, all, "65 64 63 62 61 60", 6);
    assert_list(store, (struct store_job_filter){.accepted = 1}, all, "", 0);
    const int64_t ids[] = {65, 60, 7, 60, 62};
    assert_list(store, (struct store_job_filter){.ids = ids, .id_count = 5}, all, "65 62 60", 3);
    assert_list(store, (struct store_job_filter){.ids = ids, .id_count = 5, .account_id = account},
                (struct store_page){.count = 1, .skip = 1}, "62", 3);
    assert_list(store, (struct store_job_filter){.ids = ids, .id_count = 0}, all, "", 0);
    struct list_call call = {.page = {.count = STORE_PAGE_MAX + 1}};
    world_read(store, list_work, &call, CONCH_ERR_RANGE, NULL);
    store_close(store);
}

/* ---- due ---- */

struct due_call {
    const char *backends[4];
    size_t backend_count;
    int64_t now_ms, running_max;
    int64_t ids[16];
    size_t count;
};

static int due_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct due_call *call = context;
    struct store_due due = {.backends = call->backends,
                            .backend_count = call->backend_count,
                            .now_ms = call->now_ms,
                            .server_running_max = call->running_max};
    return store_job_due(tx, &due, call->ids, &call->count, err);
}

static void assert_due(struct store *store, struct due_call call, const char *wanted)
{
    char text[256] = "";
    if (!call.count)
        call.count = 16;
    if (!call.now_ms)
        call.now_ms = 10000;
    world_read(store, due_work, &call, 0, NULL);
    for (size_t i = 0; i < call.count; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%lld", i ? " " : "", (long long)call.ids[i]);
    assert_string_equal(text, wanted);
}

static void due_jobs_come_by_priority_then_age(void **state)
{
    struct store *store = world_open(1000);
    struct world_job jobs[] = {{.id = 70, .now_ms = 2000},
                               {.id = 71, .now_ms = 1999},
                               {.id = 72, .now_ms = 3000, .priority = 5},
                               {.id = 73, .now_ms = 1000, .backend = "sandbox"},
                               {.id = 74, .now_ms = 1500, .backend = "relay", .remote = true}};
    for (size_t i = 0; i < 5; i++)
        world_write(store, world_job_add, &jobs[i], 0, NULL);
    assert_due(store, (struct due_call){.backends = {"local"}, .backend_count = 1}, "72 71 70");
    assert_due(store, (struct due_call){.backends = {"local", "sandbox"}, .backend_count = 2}, "72 73 71 70");
    assert_due(store, (struct due_call){.backends = {"local"}, .backend_count = 1, .count = 2}, "72 71");
    assert_due(store, (struct due_call){.backends = {"local"}, .backend_count = 1, .now_ms = 2500}, "71 70");
    /* a remote job whose worker went silent once it was running is gone on with first */
    int64_t fence = step_of(store, 74, WORLD_CLAIM, 0, 3000);
    step_of(store, 74, WORLD_START, fence, 3001);
    assert_due(store, (struct due_call){.backends = {"relay"}, .backend_count = 1}, "");
    struct world_step lapse = {.id = 74, .arrow = WORLD_LAPSE, .now_ms = 3000 + 60001};
    world_write(store, world_job_step, &lapse, 0, NULL);
    assert_due(store, (struct due_call){.backends = {"local", "relay"}, .backend_count = 2}, "74 72 71 70");
    store_close(store);
}

static void a_key_at_its_limit_keeps_nobody_else_waiting(void **state)
{
    struct store *store = world_open(1000);
    struct world_job jobs[] = {{.id = 70, .now_ms = 2000},
                               {.id = 71, .now_ms = 2001},
                               {.id = 72, .now_ms = 2002},
                               {.id = 73, .now_ms = 2003, .key_id = WORLD_KEY + 1}};
    for (size_t i = 0; i < 4; i++)
        world_write(store, world_job_add, &jobs[i], 0, NULL);
    const struct due_call limited = {.backends = {"local"}, .backend_count = 1, .running_max = 2};
    assert_due(store, limited, "70 71 73");
    step_of(store, 70, WORLD_CLAIM, 0, 3000);
    assert_due(store, limited, "71 73");
    step_of(store, 71, WORLD_CLAIM, 0, 3000);
    assert_due(store, limited, "73");
    assert_due(store, (struct due_call){.backends = {"local"}, .backend_count = 1}, "72 73");
    store_close(store);
}

struct counts_call {
    int64_t key_id, queued, running, place;
    struct job job;
    int64_t lapsed[4];
    size_t lapsed_count;
    int64_t now_ms;
};

static int counts_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct counts_call *call = context;
    call->lapsed_count = 4;
    int rc = store_job_load(tx, call->key_id, &call->queued, &call->running, err);
    if (rc == 0)
        rc = store_job_place(tx, &call->job, "local", STORE_PLACE_MAX, &call->place, err);
    return rc == 0 ? store_job_lapsed(tx, call->now_ms, call->lapsed, &call->lapsed_count, err) : rc;
}

static void queues_are_counted_and_lapsed_leases_found(void **state)
{
    struct store *store = world_open(1000);
    for (int i = 0; i < 4; i++)
        job_make(store, 80 + i, 0);
    step_of(store, 80, WORLD_CLAIM, 0, 3000);
    struct counts_call call = {.key_id = WORLD_KEY, .job = {.id = 83, .created_ms = 2083}, .now_ms = 62999};
    world_read(store, counts_work, &call, 0, NULL);
    assert_int_equal(call.queued, 3);
    assert_int_equal(call.running, 1);
    assert_int_equal(call.place, 2);
    assert_int_equal(call.lapsed_count, 0);
    call.key_id = 0;
    call.now_ms = 63000;
    world_read(store, counts_work, &call, 0, NULL);
    assert_int_equal(call.queued, 3);
    assert_int_equal(call.lapsed_count, 1);
    assert_int_equal(call.lapsed[0], 80);
    struct world_step lapse = {.id = 80, .arrow = WORLD_LAPSE, .now_ms = 63000};
    world_write(store, world_job_step, &lapse, 0, NULL);
    world_read(store, counts_work, &call, 0, NULL);
    assert_int_equal(call.queued, 4);
    assert_int_equal(call.running, 0);
    world_audit(store, 0);
    store_close(store);
}

/* ---- the log ---- */

struct events_call {
    struct store_event_filter filter;
    struct store_event events[32];
    size_t count;
    int64_t last;
};

static int events_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct events_call *call = context;
    call->count = 32;
    int rc = store_event_list(tx, &call->filter, call->events, &call->count, err);
    return rc == 0 ? store_event_last(tx, &call->last, err) : rc;
}

static void the_log_is_one_and_in_order(void **state)
{
    struct store *store = world_open(1000);
    struct events_call call = {0};
    world_read(store, events_work, &call, 0, NULL);
    assert_int_equal(call.count, 0);
    assert_int_equal(call.last, 0);
    job_make(store, 90, 1);
    job_make(store, 91, 1);
    int64_t fence = step_of(store, 90, WORLD_CLAIM, 0, 3000);
    step_of(store, 91, WORLD_CANCEL, 0, 3001);
    step_of(store, 90, WORLD_FAIL, fence, 3002);
    world_read(store, events_work, &call, 0, NULL);
    assert_int_equal(call.count, 5);
    static const enum job_arrow arrows[] = {JOB_ARROW_CREATE, JOB_ARROW_CREATE, JOB_ARROW_CLAIM, JOB_ARROW_WITHDRAW,
                                            JOB_ARROW_FAIL};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(call.events[i].event.arrow, arrows[i]);
        assert_true(i == 0 || call.events[i].id > call.events[i - 1].id);
    }
    assert_int_equal(call.last, call.events[4].id);
    assert_int_equal(call.events[4].event.error, JOB_ERROR_INTERNAL);
    assert_int_equal(call.events[4].event.money, JOB_MONEY_RELEASE);
    call.filter = (struct store_event_filter){.job_id = 90, .after_id = call.events[0].id};
    world_read(store, events_work, &call, 0, NULL);
    assert_int_equal(call.count, 2);
    assert_int_equal(call.events[0].event.number, 2);
    call.filter = (struct store_event_filter){.account_id = 5};
    world_read(store, events_work, &call, 0, NULL);
    assert_int_equal(call.count, 0);
    store_close(store);
}

static int prune_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_prune(tx, 100000, 100000, 100, err);
}

static void old_progress_is_pruned_and_the_count_still_true(void **state)
{
    struct store *store = world_open(1000);
    job_make(store, 90, 1);
    int64_t fence = step_of(store, 90, WORLD_CLAIM, 0, 3000);
    step_of(store, 90, WORLD_START, fence, 3001);
    step_of(store, 90, WORLD_PROGRESS, fence, 3002);
    world_write(store, prune_work, NULL, 0, NULL); /* not while it runs */
    struct events_call call = {.filter = {.job_id = 90}};
    world_read(store, events_work, &call, 0, NULL);
    assert_int_equal(call.count, 4);
    step_of(store, 90, WORLD_FAIL, fence, 3003);
    world_write(store, prune_work, NULL, 0, NULL);
    world_read(store, events_work, &call, 0, NULL);
    assert_int_equal(call.count, 4);
    assert_int_equal(call.events[3].event.number, 5);
    world_audit(store, 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_job_comes_back_as_it_went_in),
        scratch_test(a_job_of_another_account_or_a_deleted_one_is_not_found),
        scratch_test(who_works_on_a_deleted_job_still_sees_it),
        scratch_test(a_job_that_succeeds_is_charged_once_by_what_it_used),
        scratch_test(a_job_that_fails_or_is_cancelled_costs_nothing),
        scratch_test(a_submit_without_the_money_leaves_nothing_behind),
        scratch_test(a_keys_budget_is_kept),
        scratch_test(a_row_that_has_changed_since_is_not_written),
        scratch_test(progress_needs_the_fence_and_never_goes_back),
        scratch_test(lists_have_filters_and_pages),
        scratch_test(due_jobs_come_by_priority_then_age),
        scratch_test(a_key_at_its_limit_keeps_nobody_else_waiting),
        scratch_test(queues_are_counted_and_lapsed_leases_found),
        scratch_test(the_log_is_one_and_in_order),
        scratch_test(old_progress_is_pruned_and_the_count_still_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
