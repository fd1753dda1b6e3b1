/* Money from the request to the books: which purse pays, what a clip costs in the end, and what is told about it. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "api_test.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "server/queue/worker.h"

#define H3    "MiniMax-H3"
#define ENDED (1u << JOB_SUCCEEDED | 1u << JOB_FAILED | 1u << JOB_BLOCKED | 1u << JOB_CANCELLED)

/* ---- helpers ---- */

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static int64_t grant(enum ledger_kind kind, int64_t amount, int64_t expires_ms)
{
    struct ledger_lot lot;
    const struct store_grant ask = {.kind = kind, .amount = amount, .expires_ms = expires_ms, .note = "test"};
    assert_done(api_grant(world.api, &world.admin, &ask, NULL, &lot, &world.problem));
    return lot.id;
}

struct purses {
    int64_t available[3], held; /* package, credits, payg; held in all of them */
};

static struct purses purses(void)
{
    struct purses sums = {{0}};
    struct api_balance balance;
    assert_done(api_balance(world.api, &world.admin, 0, &balance, &world.problem));
    const int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < balance.lot_count; i++) {
        const struct ledger_lot *lot = &balance.lots[i];
        const int purse = lot->kind == LEDGER_PACKAGE ? 0 : lot->kind == LEDGER_PAYG ? 2 : 1;
        sums.available[purse] += lot->expires_ms && lot->expires_ms <= now_ms ? 0 : lot->available;
        sums.held += lot->held;
    }
    return sums;
}

static void assert_purses(int64_t package, int64_t credits, int64_t payg, int64_t held)
{
    const struct purses now = purses();
    assert_int_equal(now.available[0], package);
    assert_int_equal(now.available[1], credits);
    assert_int_equal(now.available[2], payg);
    assert_int_equal(now.held, held);
}

static struct api_job submitted(const struct api_submit *ask)
{
    struct api_job job = {0};
    assert_done(api_job_submit(world.api, &world.admin, ask, NULL, &job, &world.problem));
    return job;
}

static void assert_paid(const struct api_job *job, const char *purse, enum ledger_unit unit, int64_t quoted)
{
    const char *recorded = json_string_value(json_object_get(api_job_details(job), "purse"));
    assert_string_equal(recorded ? recorded : "none", purse);
    assert_int_equal(job->row.unit, unit);
    assert_int_equal(job->row.quoted, quoted);
}

static struct api_job shown(int64_t id)
{
    struct api_job job = {0};
    assert_done(api_job_get(world.api, &world.admin, id, &job, &world.problem));
    return job;
}

static void audit_line(void *context, const char *line)
{
    print_message("audit: %s\n", line);
}

static int audit_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_audit(tx, audit_line, NULL, context, err);
}

static void assert_books(void)
{
    struct store_audit audit = {0};
    assert_int_equal(store_read(world.store, audit_work, &audit, &world.err), 0);
    assert_int_equal(audit.problems, 0);
}

/* ---- which purse ---- */

static void packages_go_before_credits_and_credits_before_dollars(void **state)
{
    static const struct {
        const char *purse;
        enum ledger_unit unit;
        int64_t quoted;
    } rows[] = {{"package", LEDGER_MILLICREDIT, 1000},
                {"credits", LEDGER_MILLICREDIT, 25000},
                {"payg", LEDGER_MICROUSD, 280000}};
    world_start((const char *[]){"sandbox.charge=true", "credits.starting_microusd=300000", NULL});
    grant(LEDGER_PACKAGE, 1500, 0);
    grant(LEDGER_BONUS, 10000, 0);
    grant(LEDGER_PURCHASED, 20000, 0);
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct api_job job = submitted(&ask);
        assert_paid(&job, rows[i].purse, rows[i].unit, rows[i].quoted);
        assert_non_null(json_string_value(json_object_get(api_job_details(&job), "price_source")));
        assert_int_equal(json_integer_value(json_object_get(api_job_details(&job), "list_microusd")), 280000);
        struct api_job later = shown(job.row.job.id);
        assert_paid(&later, rows[i].purse, rows[i].unit, rows[i].quoted);
        api_job_finish(&later);
        api_job_finish(&job);
    }
    assert_purses(500, 5000, 20000, 1000 + 25000 + 280000);
    struct api_job job;
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_BALANCE, "");
    static const char *const said[] = {"package: 1000 thousandths of a package unit are wanted, 500 are free",
                                       "credits: 25000 milli-credits are wanted, 5000 are free",
                                       "payg: 280000 micro-USD are wanted, 20000 are free"};
    for (size_t i = 0; i < ARRAY_LEN(said); i++)
        assert_non_null(strstr(world.problem.text, said[i]));
    assert_books();
}

static void a_purse_without_a_price_for_the_model_is_passed_over(void **state)
{
    world_start((const char *[]){"sandbox.charge=true", NULL});
    grant(LEDGER_PACKAGE, 1000000, 0);
    struct api_submit ask = world_ask(H3, "a red ball"); /* packages do not have it, and there are no credits */
    ask.seconds = 5;
    ask.resolution = "768P";
    ask.ratio = "16:9";
    struct api_job job = submitted(&ask);
    assert_paid(&job, "payg", LEDGER_MICROUSD, 400000);
    api_job_finish(&job);
    grant(LEDGER_MEMBERSHIP, 35000, 0);
    job = submitted(&ask);
    assert_paid(&job, "credits", LEDGER_MILLICREDIT, 35000);
    api_job_finish(&job);
}

static void what_the_operator_leaves_out_never_pays(void **state)
{
    world_start((const char *[]){"sandbox.charge=true", "credits.order=payg, package", NULL});
    grant(LEDGER_BONUS, 1000000, 0);
    grant(LEDGER_PACKAGE, 2000, 0);
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    struct api_job job = submitted(&ask);
    assert_paid(&job, "payg", LEDGER_MICROUSD, 280000);
    api_job_finish(&job);
    world_teardown(NULL);
    world_start((const char *[]){"sandbox.charge=true", "credits.order=package", NULL});
    ask = world_ask(H3, "a red ball");
    ask.seconds = 5;
    ask.resolution = "768P";
    ask.ratio = "16:9";
    assert_refused(api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem), API_BALANCE, "");
    assert_non_null(strstr(world.problem.text, "credits.order"));
}

static void a_key_with_a_budget_pays_with_credits_beyond_it(void **state)
{
    world_start((const char *[]){"sandbox.charge=true", NULL});
    struct api_key_made made;
    const struct api_key_new add = {.budget_microusd = 1000, .queued_max = -1, .running_max = -1, .priority_max = -1};
    assert_done(api_key_add(world.api, &world.admin, &add, NULL, &made, &world.problem));
    const struct api_caller caller = world_caller(made.secret);
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    struct api_job job = {0};
    assert_refused(api_job_submit(world.api, &caller, &ask, NULL, &job, &world.problem), API_BUDGET, "");
    grant(LEDGER_PURCHASED, 25000, 0);
    world_submit(&caller, &ask);
}

static void an_estimate_makes_the_same_choice(void **state)
{
    world_start((const char *[]){"sandbox.charge=true", "credits.starting_microusd=100000", NULL});
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    struct api_estimate estimate;
    assert_done(api_estimate(world.api, &world.admin, &ask, &estimate, &world.problem));
    assert_null(estimate.purse);
    assert_false(estimate.affordable);
    assert_int_equal(estimate.amount, 280000);
    assert_int_equal(estimate.available, 100000);
    api_estimate_finish(&estimate);
    grant(LEDGER_BONUS, 26000, 0);
    assert_done(api_estimate(world.api, &world.admin, &ask, &estimate, &world.problem));
    assert_string_equal(estimate.purse, "credits");
    assert_true(estimate.affordable);
    assert_int_equal(estimate.unit, LEDGER_MILLICREDIT);
    assert_int_equal(estimate.amount, 25000);
    assert_int_equal(estimate.available, 26000);
    assert_int_equal(estimate.purse_count, 3);
    assert_string_equal(estimate.purses[0].name, "package");
    assert_int_equal(estimate.purses[0].amount, 1000);
    assert_int_equal(estimate.purses[0].available, 0);
    assert_int_equal(estimate.purses[2].amount, 280000);
    assert_int_equal(estimate.purses[2].available, 100000);
    api_estimate_finish(&estimate);
    assert_purses(0, 26000, 100000, 0);
}

/* ---- against a small model ---- */

enum { LOTS_MAX = 120, JOBS_MAX = 200 };

/* The books as a person would keep them on paper. */
struct paper_lot {
    int64_t left, expires_ms;
    int kind, age;
};
struct paper_job {
    int64_t id;
    int64_t pinned[LOTS_MAX];
};
static struct paper {
    struct paper_lot lots[LOTS_MAX];
    size_t lot_count;
    struct paper_job jobs[JOBS_MAX];
    size_t job_count;
} paper;

static uint32_t chance_state;

static int chance(int below)
{
    chance_state = chance_state * 1664525u + 1013904223u;
    return (int)((chance_state >> 8) % (uint32_t)below);
}

static int paper_purse(int kind)
{
    return kind == LEDGER_PACKAGE ? 0 : kind == LEDGER_PAYG ? 2 : 1;
}

static int64_t paper_free(int purse)
{
    int64_t sum = 0;
    for (size_t i = 0; i < paper.lot_count; i++)
        sum += paper_purse(paper.lots[i].kind) == purse ? paper.lots[i].left : 0;
    return sum;
}

static bool paper_sooner(const struct paper_lot *a, const struct paper_lot *b)
{
    const int64_t never = INT64_MAX;
    const int64_t left = a->expires_ms ? a->expires_ms : never, right = b->expires_ms ? b->expires_ms : never;
    if (left != right)
        return left < right;
    return a->kind != b->kind ? a->kind < b->kind : a->age < b->age;
}

static void paper_pin(struct paper_job *job, int purse, int64_t amount)
{
    while (amount > 0) {
        struct paper_lot *best = NULL;
        for (size_t i = 0; i < paper.lot_count; i++) {
            struct paper_lot *lot = &paper.lots[i];
            if (paper_purse(lot->kind) == purse && lot->left > 0 && (!best || paper_sooner(lot, best)))
                best = lot;
        }
        assert_non_null(best);
        const int64_t part = best->left < amount ? best->left : amount;
        best->left -= part;
        job->pinned[best - paper.lots] += part;
        amount -= part;
    }
}

static void paper_expire(void)
{
    const int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < paper.lot_count; i++)
        if (paper.lots[i].expires_ms && paper.lots[i].expires_ms <= now_ms)
            paper.lots[i].left = 0;
}

static void paper_release(const struct paper_job *job)
{
    for (size_t i = 0; i < paper.lot_count; i++)
        paper.lots[i].left += job->pinned[i];
    paper_expire(); /* what comes back to a lot that has ended is gone */
}

static void some_grant(void)
{
    static const int64_t most[] = {900, 20000, 3000, 30000, 400000}; /* about what one clip costs */
    if (paper.lot_count == LOTS_MAX)
        return;
    const int kind = chance(LEDGER_KINDS), when = chance(6);
    const int64_t now_ms = clock_wall_ms(), amount = 1 + chance((int)most[kind]);
    const int64_t expires_ms = when == 0 ? now_ms + 30 : when < 3 ? now_ms + 3600000 + chance(1000000) : 0;
    grant((enum ledger_kind)kind, amount, expires_ms);
    paper.lots[paper.lot_count] = (struct paper_lot){amount, expires_ms, kind, (int)paper.lot_count};
    paper.lot_count++;
    if (when == 0 && chance(2)) { /* else a job may hold it when it ends */
        pause_ms(40);
        paper_expire();
    }
}

static void some_submit(const enum ledger_unit units[3], const int *order, size_t order_count)
{
    static const struct {
        const char *model, *resolution;
        int seconds;
        int64_t price[3]; /* 0: none */
    } clips[] = {{HAILUO, "768P", 6, {1000, 25000, 280000}},
                 {HAILUO, "768P", 10, {2000, 50000, 560000}},
                 {HAILUO3, "768P", 10, {2000, 50000, 560000}},
                 {HAILUO3, "1080P", 6, {2000, 80000, 490000}},
                 {H3, "768P", 5, {0, 35000, 400000}}};
    static const char *const names[] = {"package", "credits", "payg"};
    const size_t clip = (size_t)chance(ARRAY_LEN(clips));
    struct api_submit ask = world_ask(clips[clip].model, "a red ball");
    ask.resolution = clips[clip].resolution;
    ask.seconds = clips[clip].seconds;
    ask.ratio = strcmp(clips[clip].model, H3) == 0 ? "16:9" : NULL;
    /* a lot that ends within the next moment could go either way */
    for (size_t i = 0; i < paper.lot_count; i++)
        if (paper.lots[i].left > 0 && paper.lots[i].expires_ms && paper.lots[i].expires_ms < clock_wall_ms() + 20)
            pause_ms(25);
    paper_expire();
    int wanted = -1;
    for (size_t i = 0; i < order_count && wanted < 0; i++)
        if (clips[clip].price[order[i]] > 0 && clips[clip].price[order[i]] <= paper_free(order[i]))
            wanted = order[i];
    struct api_job job = {0};
    const int rc = api_job_submit(world.api, &world.admin, &ask, NULL, &job, &world.problem);
    if (wanted < 0) {
        assert_refused(rc, API_BALANCE, "");
        return;
    }
    if (rc < 0)
        fail_msg("%s", world.problem.text);
    assert_paid(&job, names[wanted], units[wanted], clips[clip].price[wanted]);
    assert_true(paper.job_count < JOBS_MAX);
    struct paper_job *kept = &paper.jobs[paper.job_count++];
    *kept = (struct paper_job){.id = job.row.job.id};
    paper_pin(kept, wanted, clips[clip].price[wanted]);
    api_job_finish(&job);
}

static void some_end(void)
{
    if (paper.job_count == 0)
        return;
    const size_t which = (size_t)chance((int)paper.job_count);
    const struct paper_job job = paper.jobs[which];
    struct api_job after = {0};
    paper.jobs[which] = paper.jobs[--paper.job_count];
    switch (chance(3)) {
    case 0: world_work(job.id, WORLD_SUCCEEDED); return;
    case 1: world_work(job.id, WORLD_FAILED); break;
    default:
        assert_done(api_job_cancel(world.api, &world.admin, job.id, NULL, &after, &world.problem));
        api_job_finish(&after);
    }
    paper_release(&job);
}

static void the_choice_of_purse_agrees_with_books_on_paper(void **state)
{
    static const struct {
        const char *option;
        int purses[3];
        size_t count;
    } orders[] = {{"credits.order=package, credits, payg", {0, 1, 2}, 3},
                  {"credits.order=payg, credits, package", {2, 1, 0}, 3},
                  {"credits.order=credits, package", {1, 0}, 2},
                  {"credits.order=payg", {2}, 1},
                  {"credits.order=credits, payg, credits", {1, 2}, 2}};
    static const enum ledger_unit units[] = {LEDGER_MILLICREDIT, LEDGER_MILLICREDIT, LEDGER_MICROUSD};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        if (i)
            world_teardown(NULL);
        world_start((const char *[]){"sandbox.charge=true", "credits.starting_microusd=0", "limits.queued_per_key=0",
                                     orders[i].option, NULL});
        memset(&paper, 0, sizeof paper);
        chance_state = 77 + (uint32_t)i;
        for (int step = 0; step < 160; step++) {
            const int what = chance(10);
            if (what < 4)
                some_grant();
            else if (what < 8)
                some_submit(units, orders[i].purses, orders[i].count);
            else
                some_end();
            if (step % 10)
                continue;
            pause_ms(35); /* short lots have ended */
            paper_expire();
            const struct purses now = purses();
            for (int purse = 0; purse < 3; purse++)
                if (now.available[purse] != paper_free(purse))
                    fail_msg("order %zu, step %d: purse %d has %lld, on paper %lld", i, step, purse,
                             (long long)now.available[purse], (long long)paper_free(purse));
        }
        assert_books();
    }
}

/* ---- a worker ---- */

/* Makes clips of as many milliseconds as it is told, or fails as it is told. */
struct maker {
    struct backend backend;
    int duration_ms;
    enum job_error error;
    atomic_bool hold;
};

static int make(struct backend *backend, const struct backend_job *job, const struct backend_sink *sink,
                struct backend_result *ret, conch_error *err)
{
    struct maker *maker = (struct maker *)backend;
    int rc = sink->begun(sink->context);
    while (rc == 0 && atomic_load(&maker->hold)) {
        pause_ms(5);
        rc = sink->stopped(sink->context) ? CONCH_ERR_CANCELLED : 0;
    }
    if (rc < 0)
        return rc;
    if (maker->error) {
        ret->error = maker->error;
        return conch_error_set(err, CONCH_ERR_IO, "as told");
    }
    FILE *file = fopen(job->clip_path, "w");
    assert_non_null(file);
    fputs("clip", file);
    fclose(file);
    *ret = (struct backend_result){
        .width = 64, .height = 32, .fps = 16, .frame_count = 16, .duration_ms = maker->duration_ms};
    return 0;
}

static void make_cancel(struct backend *backend, int64_t job_id)
{
}

static const struct backend_table sandbox_table = {.name = "sandbox", .run = make, .cancel = make_cancel};
static const struct backend_table local_table = {.name = "local", .run = make, .cancel = make_cancel};

static struct maker maker;

static struct working {
    pthread_t thread;
    atomic_bool stop;
} working;

static void *work_thread(void *context)
{
    struct backend *backend = context;
    const struct worker_settings settings = {.config = &world.config,
                                             .store = world.store,
                                             .blobs = world.blobs,
                                             .backends = &backend,
                                             .backend_count = 1,
                                             .stop = &working.stop};
    conch_error err = {0};
    worker_run(&settings, &err);
    return NULL;
}

static void work_start(const struct backend_table *table)
{
    log_setup(LOG_LEVEL_OFF, LOG_FORMAT_TEXT, 2);
    maker.backend.table = table;
    atomic_store(&working.stop, false);
    assert_int_equal(pthread_create(&working.thread, NULL, work_thread, &maker.backend), 0);
}

static void work_stop(void)
{
    atomic_store(&working.stop, true);
    pthread_join(working.thread, NULL);
}

static struct api_job ended(int64_t id, unsigned states)
{
    for (int i = 0; i < 2000; i++) {
        struct api_job job = shown(id);
        if (states & 1u << job.row.job.state)
            return job;
        api_job_finish(&job);
        pause_ms(5);
    }
    fail_msg("job %lld does not end", (long long)id);
    return (struct api_job){.place = 0};
}

static void end_with(int64_t id, enum job_state state, int64_t charged)
{
    struct api_job job = ended(id, ENDED);
    assert_int_equal(job.row.job.state, state);
    assert_int_equal(job.row.charged, charged);
    api_job_finish(&job);
}

static void a_clip_of_fewer_seconds_costs_less_in_every_purse(void **state)
{
    world_start((const char *[]){"sandbox.charge=true", "credits.starting_microusd=1000000", NULL});
    grant(LEDGER_PACKAGE, 1000, 0);
    grant(LEDGER_PURCHASED, 25000, 0);
    struct api_submit ask = world_ask(HAILUO, "a red ball"); /* of 6 seconds */
    int64_t ids[3];
    for (int i = 0; i < 3; i++)
        ids[i] = world_submit(&world.admin, &ask);
    assert_purses(0, 0, 720000, 1000 + 25000 + 280000);
    maker = (struct maker){.duration_ms = 2900}; /* three seconds were begun */
    work_start(&sandbox_table);
    end_with(ids[0], JOB_SUCCEEDED, 500);
    end_with(ids[1], JOB_SUCCEEDED, 12500);
    end_with(ids[2], JOB_SUCCEEDED, 140000);
    work_stop();
    assert_purses(500, 12500, 860000, 0);
    assert_books();
}

static void a_longer_clip_costs_no_more_than_was_held(void **state)
{
    world_start((const char *[]){"sandbox.charge=true", "credits.starting_microusd=1000000", NULL});
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    const int64_t id = world_submit(&world.admin, &ask);
    maker = (struct maker){.duration_ms = 60000};
    work_start(&sandbox_table);
    end_with(id, JOB_SUCCEEDED, 280000);
    work_stop();
    assert_purses(0, 0, 720000, 0);
}

static void what_makes_no_clip_costs_nothing(void **state)
{
    static const struct {
        enum job_error error;
        enum job_state state;
    } rows[] = {{JOB_ERROR_INVALID_INPUT, JOB_BLOCKED},
                {JOB_ERROR_CONTENT_POLICY, JOB_BLOCKED},
                {JOB_ERROR_NONE, JOB_CANCELLED}};
    world_start((const char *[]){"sandbox.charge=true", "credits.starting_microusd=0", "jobs.attempts=1", NULL});
    grant(LEDGER_PACKAGE, 1000, 0);
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const int64_t id = world_submit(&world.admin, &ask);
        assert_purses(0, 0, 0, 1000);
        maker = (struct maker){.duration_ms = 6000, .error = rows[i].error};
        atomic_store(&maker.hold, rows[i].state == JOB_CANCELLED);
        work_start(&sandbox_table);
        if (rows[i].state == JOB_CANCELLED) {
            struct api_job job = ended(id, 1u << JOB_RUNNING);
            api_job_finish(&job);
            assert_done(api_job_cancel(world.api, &world.admin, id, NULL, &job, &world.problem));
            api_job_finish(&job);
        }
        end_with(id, rows[i].state, 0);
        work_stop();
        assert_purses(1000, 0, 0, 0);
    }
    const int64_t failed = world_submit(&world.admin, &ask);
    maker = (struct maker){.error = JOB_ERROR_PROVIDER};
    work_start(&sandbox_table);
    end_with(failed, JOB_FAILED, 0);
    work_stop();
    assert_purses(1000, 0, 0, 0);
    assert_books();
}

/* What is held stays good past its end; what comes back then is gone, and the statement says so. */
static void a_lot_that_ends_during_a_hold_still_pays(void **state)
{
    struct store_statement_line lines[20];
    size_t count = 0;
    world_start((const char *[]){"sandbox.charge=true", "credits.starting_microusd=0", NULL});
    grant(LEDGER_BONUS, 30000, clock_wall_ms() + 300);
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    const int64_t id = world_submit(&world.admin, &ask);
    pause_ms(350);
    assert_purses(0, 0, 0, 25000);
    maker = (struct maker){.duration_ms = 3000};
    work_start(&sandbox_table);
    end_with(id, JOB_SUCCEEDED, 12500);
    work_stop();
    assert_purses(0, 0, 0, 0);
    assert_done(api_statement(world.api, &world.admin, &(struct store_statement_filter){.unit = LEDGER_MILLICREDIT},
                              &(struct store_page){.count = 20}, lines, &count, &world.problem));
    int64_t expired = 0, spent = 0;
    for (size_t i = 0; i < count; i++) {
        expired -= lines[i].movement.kind == LEDGER_EXPIRE ? lines[i].available_change : 0;
        spent += lines[i].spent;
    }
    assert_int_equal(spent, 12500);
    assert_int_equal(expired, 17500);
    assert_int_equal(lines[0].available_after, 0);
    assert_books();
}

/* ---- what this machine makes ---- */

static void an_operator_sells_clips_by_the_second_and_by_the_piece(void **state)
{
    world_start((const char *[]){"credits.charge_local=true", "credits.local_microusd_per_second=10000",
                                 "credits.local_microusd_per_video=5000", "credits.starting_microusd=1000000", NULL});
    grant(LEDGER_PACKAGE, 1000000, 0); /* our own model has no price in packages: they are no way around */
    struct api_submit ask = world_ask(TINY, "a red ball rolls to the right on the grass");
    struct api_job job = submitted(&ask);
    const int64_t id = job.row.job.id, seconds = job.row.seconds, quoted = 5000 + seconds * 10000;
    assert_true(seconds >= 2);
    assert_paid(&job, "payg", LEDGER_MICROUSD, quoted);
    api_job_finish(&job);
    assert_purses(1000000, 0, 1000000 - quoted, quoted);
    maker = (struct maker){.duration_ms = (int)(seconds - 1) * 1000};
    work_start(&local_table);
    end_with(id, JOB_SUCCEEDED, quoted - 10000); /* what a clip costs whatever its length stays */
    work_stop();
    assert_purses(1000000, 0, 1000000 - quoted + 10000, 0);
    assert_books();
}

static void our_own_model_costs_nothing_without_a_price(void **state)
{
    world_start((const char *[]){"credits.charge_local=true", "credits.starting_microusd=0", NULL});
    struct api_submit ask = world_ask(TINY, "a red ball");
    struct api_job job = submitted(&ask);
    assert_paid(&job, "none", LEDGER_MICROUSD, 0);
    api_job_finish(&job);
}

/* ---- what is told ---- */

static void every_kind_of_money_stands_in_its_statement(void **state)
{
    struct store_statement_line lines[10];
    world_start((const char *[]){"credits.starting_microusd=0", NULL});
    for (int kind = 0; kind < LEDGER_KINDS; kind++)
        grant((enum ledger_kind)kind, 100 + kind, 0);
    for (int unit = 0; unit < LEDGER_UNITS; unit++) {
        size_t count = 0;
        assert_done(api_statement(world.api, &world.admin,
                                  &(struct store_statement_filter){.unit = (enum ledger_unit)unit},
                                  &(struct store_page){.count = 10}, lines, &count, &world.problem));
        assert_int_equal(count, unit == LEDGER_MICROUSD ? 1 : 4);
        assert_int_equal(lines[0].available_after, unit == LEDGER_MICROUSD ? 104 : 100 + 101 + 102 + 103);
        assert_string_equal(lines[0].note, "test");
    }
    assert_purses(102, 304, 104, 0);
}

static void a_package_tells_what_is_left_of_it(void **state)
{
    struct api_package package;
    const int64_t now_ms = clock_wall_ms();
    world_start((const char *[]){"sandbox.charge=true", NULL});
    assert_done(api_package(world.api, &world.admin, &package, &world.problem));
    assert_int_equal(package.count, 0);
    grant(LEDGER_PACKAGE, 5000, now_ms + 7200000);
    grant(LEDGER_PACKAGE, 3000, now_ms + 3600000);
    grant(LEDGER_BONUS, 3000, 0);
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    world_work(world_submit(&world.admin, &ask), WORLD_SUCCEEDED);
    world_submit(&world.admin, &ask);
    assert_done(api_package(world.api, &world.admin, &package, &world.problem));
    assert_int_equal(package.count, 2);
    assert_int_equal(package.issued, 8000);
    assert_int_equal(package.available, 6000);
    assert_int_equal(package.end_ms, now_ms + 3600000);
    assert_true(package.start_ms >= now_ms && package.start_ms < now_ms + 60000);
}

static struct store_usage_row usage_of(const char *model, int64_t day, int64_t p50, int64_t p95)
{
    struct store_usage_row row = {
        .day_ms = day * 86400000, .cost_jobs = 1, .cost_p50_microusd = p50, .cost_p95_microusd = p95};
    strcpy(row.model, model);
    return row;
}

static void slopes_are_lines_through_the_days(void **state)
{
    struct store_usage_row rows[] = {
        usage_of("rising", 20000, 100, 1000), usage_of("falling", 20001, 900, 900),
        usage_of("once", 20001, 7, 7),        usage_of("rising", 20001, 200, 1000),
        usage_of("rising", 20003, 400, 1300), usage_of("falling", 20005, 100, 1100),
        usage_of("rising", 20002, 0, 0),
    };
    struct api_slope *slopes;
    size_t count;
    rows[6].cost_jobs = 0; /* a day of failures: says nothing about costs */
    assert_int_equal(api_usage_slopes(rows, ARRAY_LEN(rows), &slopes, &count, &world.err), 0);
    assert_int_equal(count, 3);
    assert_string_equal(slopes[0].model, "falling");
    assert_true(slopes[0].known && slopes[0].days == 2);
    assert_float_equal(slopes[0].cost_p50, -200, 1e-9);
    assert_float_equal(slopes[0].cost_p95, 50, 1e-9);
    assert_string_equal(slopes[1].model, "once");
    assert_false(slopes[1].known);
    assert_int_equal(slopes[2].days, 3);
    assert_float_equal(slopes[2].cost_p50, 100, 1e-9);
    assert_float_equal(slopes[2].cost_p95, 1500.0 / 14, 1e-9); /* days 0, 1, 3 */
    free(slopes);
    assert_int_equal(api_usage_slopes(rows, 0, &slopes, &count, &world.err), 0);
    assert_int_equal(count, 0);
    free(slopes);
}

static int totals_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_totals(tx, context, err);
}

static void assert_metric(const char *text, const char *line)
{
    if (!strstr(text, line))
        fail_msg("%s is not in:\n%s", line, text);
}

static void totals_are_the_same_in_one_piece_and_in_many(void **state)
{
    struct store_totals pieces = {0}, whole = {0};
    struct buf text;
    world_start((const char *[]){"sandbox.charge=true", "credits.starting_microusd=1000000", NULL});
    const int64_t ends_ms = clock_wall_ms() + 1500;
    grant(LEDGER_BONUS, 60000, ends_ms);
    struct api_submit ask = world_ask(HAILUO, "a red ball");
    static const enum world_end ends[] = {WORLD_SUCCEEDED, WORLD_FAILED, WORLD_SUCCEEDED, WORLD_RUNNING};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        world_work(world_submit(&world.admin, &ask), ends[i]);
        assert_int_equal(store_read(world.store, totals_work, &pieces, &world.err), 0);
    }
    while (clock_wall_ms() <= ends_ms)
        pause_ms(20);
    world_submit(&world.admin, &ask); /* with dollars: the rest of the credits has ended */
    grant(LEDGER_BONUS, 1000, 0);     /* and leaves with this */
    assert_int_equal(store_read(world.store, totals_work, &pieces, &world.err), 0);
    assert_int_equal(store_read(world.store, totals_work, &whole, &world.err), 0);
    assert_memory_equal(&pieces, &whole, sizeof whole);
    assert_int_equal(whole.ended[JOB_SUCCEEDED], 2);
    assert_int_equal(whole.ended[JOB_FAILED], 1);
    for (int unit = 0; unit < LEDGER_UNITS; unit++) {
        const struct store_money_totals *money = &whole.money[unit];
        assert_int_equal(money->issued + money->adjusted,
                         money->available + money->held + money->spent + money->expired);
    }
    assert_int_equal(whole.money[LEDGER_MILLICREDIT].spent, 50000);
    assert_int_equal(whole.money[LEDGER_MILLICREDIT].expired, 10000);
    assert_int_equal(whole.money[LEDGER_MICROUSD].held, 560000);
    buf_init(&text, 1 << 20);
    assert_int_equal(api_metrics(world.api, &text, &world.err), 0);
    assert_metric(text.data, "conch_jobs_finished_total{state=\"succeeded\"} 2\n");
    assert_metric(text.data, "conch_ledger_amount{unit=\"microusd\",book=\"issued\"} 1000000\n");
    assert_metric(text.data, "conch_ledger_amount{unit=\"millicredit\",book=\"expired\"} 10000\n");
    assert_metric(text.data, "conch_webhooks_dead 0\n");
    world_submit(&world.admin, &ask); /* within ten seconds nobody adds up again */
    buf_clear(&text);
    assert_int_equal(api_metrics(world.api, &text, &world.err), 0);
    assert_metric(text.data, "conch_ledger_amount{unit=\"microusd\",book=\"held\"} 560000\n");
    buf_finish(&text);
}

/* ---- the answer to a submit ---- */

static void a_submit_tells_its_place_when_that_is_asked_for(void **state)
{
    world_start(NULL);
    struct api_submit ask = world_ask(TINY, "a red ball");
    ask.place = true;
    for (int64_t before = 0; before < 3; before++) {
        struct api_job job = submitted(&ask), later = shown(job.row.job.id);
        assert_int_equal(job.place, before);
        assert_int_equal(later.place, before);
        api_job_finish(&job);
        api_job_finish(&later);
    }
    ask.place = false;
    struct api_job job = submitted(&ask);
    assert_int_equal(job.place, -1);
    api_job_finish(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        api_test(packages_go_before_credits_and_credits_before_dollars),
        api_test(a_purse_without_a_price_for_the_model_is_passed_over),
        api_test(what_the_operator_leaves_out_never_pays),
        api_test(a_key_with_a_budget_pays_with_credits_beyond_it),
        api_test(an_estimate_makes_the_same_choice),
        api_test(the_choice_of_purse_agrees_with_books_on_paper),
        api_test(a_clip_of_fewer_seconds_costs_less_in_every_purse),
        api_test(a_longer_clip_costs_no_more_than_was_held),
        api_test(what_makes_no_clip_costs_nothing),
        api_test(a_lot_that_ends_during_a_hold_still_pays),
        api_test(an_operator_sells_clips_by_the_second_and_by_the_piece),
        api_test(our_own_model_costs_nothing_without_a_price),
        api_test(every_kind_of_money_stands_in_its_statement),
        api_test(a_package_tells_what_is_left_of_it),
        cmocka_unit_test(slopes_are_lines_through_the_days),
        api_test(totals_are_the_same_in_one_piece_and_in_many),
        api_test(a_submit_tells_its_place_when_that_is_asked_for),
    };
    return cmocka_run_group_tests_name("api_money", tests, NULL, NULL);
}
