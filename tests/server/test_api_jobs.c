/* Jobs that are there: who sees them, what can be done to them in which state. */
#include "api_test.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "server/api/line.h"

static struct api_job job;

static int64_t submit(const char *prompt)
{
    struct api_submit ask = world_ask(TINY, prompt);
    return world_submit(&world.admin, &ask);
}

static void a_stranger_sees_and_touches_nothing(void **state)
{
    world_start(NULL);
    const int64_t id = submit("a red ball");
    const struct api_caller stranger = world_stranger();
    void *data;
    size_t size, count = 10;
    struct store_event events[10];
    struct api_job_list list;
    assert_refused(api_job_get(world.api, &stranger, id, &job, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_job_peek(world.api, &stranger, id, &job, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_job_cancel(world.api, &stranger, id, NULL, &job, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_job_delete(world.api, &stranger, id, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_job_restore(world.api, &stranger, id, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_job_accept(world.api, &stranger, id, 1, NULL, &job, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_job_preview(world.api, &stranger, id, &data, &size, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_job_give_up(world.api, &stranger, id, false, &job, &world.problem), API_FORBIDDEN, "");
    const struct store_event_filter filter = {.job_id = id, .account_id = world.admin.key.account_id};
    assert_done(api_event_list(world.api, &stranger, &filter, events, &count, &world.problem));
    assert_int_equal(count, 0);
    const struct store_job_filter of_admin = {.account_id = world.admin.key.account_id};
    assert_done(
        api_job_list(world.api, &stranger, &of_admin, &(struct store_page){.count = 10}, true, &list, &world.problem));
    assert_int_equal(list.count, 0);
    assert_int_equal(list.total, 0);
    api_job_list_finish(&list);
}

static void keys_do_what_their_scopes_say(void **state)
{
    world_start(NULL);
    const int64_t id = submit("a red ball");
    const struct api_caller generate = world_key(STORE_SCOPE_GENERATE), read = world_key(STORE_SCOPE_READ);
    struct api_job_list list;
    assert_refused(api_job_get(world.api, &generate, id, &job, &world.problem), API_FORBIDDEN, "");
    assert_refused(api_job_list(world.api, &generate, &(struct store_job_filter){0}, &(struct store_page){.count = 1},
                                false, &list, &world.problem),
                   API_FORBIDDEN, "");
    assert_refused(api_job_cancel(world.api, &read, id, NULL, &job, &world.problem), API_FORBIDDEN, "");
    assert_refused(api_job_delete(world.api, &read, id, &world.problem), API_FORBIDDEN, "");
    assert_refused(api_job_restore(world.api, &read, id, &world.problem), API_FORBIDDEN, "");
    assert_refused(api_job_accept(world.api, &read, id, 1, NULL, &job, &world.problem), API_FORBIDDEN, "");
    assert_done(api_job_get(world.api, &read, id, &job, &world.problem));
    api_job_finish(&job);
    assert_done(api_job_cancel(world.api, &generate, id, NULL, &job, &world.problem));
    api_job_finish(&job);
}

static void a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked(void **state)
{
    world_start(NULL);
    const int64_t queued = submit("a red ball"), running = submit("a blue cube");
    assert_done(api_job_cancel(world.api, &world.admin, queued, NULL, &job, &world.problem));
    assert_int_equal(job.row.job.state, JOB_CANCELLED);
    api_job_finish(&job);
    assert_refused(api_job_cancel(world.api, &world.admin, queued, NULL, &job, &world.problem), API_CONFLICT, "");
    assert_non_null(strstr(world.problem.text, "cancelled"));
    world_work(running, WORLD_RUNNING);
    assert_done(api_job_cancel(world.api, &world.admin, running, NULL, &job, &world.problem));
    assert_int_equal(job.row.job.state, JOB_RUNNING);
    assert_true(job.row.job.cancel_requested);
    api_job_finish(&job);
    assert_refused(api_job_cancel(world.api, &world.admin, 12345, NULL, &job, &world.problem), API_NOT_FOUND, "");
}

static int render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    *ret_status = 200;
    return buf_append_text(ret_body, job_state_name(((const struct api_job *)result)->row.job.state), err);
}

static void cancelling_again_with_one_key_is_answered_alike(void **state)
{
    world_start(NULL);
    const int64_t id = submit("a red ball");
    for (int i = 0; i < 2; i++) {
        struct api_once once = {.key = "c", .scope = "POST cancel", .render = render};
        assert_done(api_job_cancel(world.api, &world.admin, id, &once, &job, &world.problem));
        assert_int_equal(once.replayed, i);
        assert_string_equal(once.body.data, "cancelled");
        if (!once.replayed)
            api_job_finish(&job);
        buf_finish(&once.body);
    }
    struct api_once other = {.key = "c", .scope = "POST cancel", .render = render};
    const int64_t second = submit("a blue cube"); /* the same key and bytes, and another job */
    assert_refused(api_job_cancel(world.api, &world.admin, second, &other, &job, &world.problem), API_REUSED_KEY,
                   "Idempotency-Key");
    buf_finish(&other.body);
}

static int messages_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct store_message message;
    size_t count = 1;
    const int rc = store_message_list(tx, *(int64_t *)context, &message, &count, err);
    if (rc < 0)
        return rc;
    assert_int_equal(count, 1);
    assert_string_equal(message.kind, "cancelled");
    assert_string_equal(message.style, "conch");
    store_message_finish(&message);
    return 0;
}

static void whoever_asked_to_be_told_is_told_of_a_cancelled_job(void **state)
{
    world_start(NULL);
    struct api_submit ask = world_ask(TINY, "a red ball");
    ask.callback_url = "http://127.0.0.1:9/hook";
    ask.callback_style = "conch";
    int64_t id = world_submit(&world.admin, &ask);
    assert_done(api_job_cancel(world.api, &world.admin, id, NULL, &job, &world.problem));
    api_job_finish(&job);
    assert_int_equal(store_read(world.store, messages_work, &id, &world.err), 0);
}

static void a_finished_job_shows_its_file(void **state)
{
    world_start(NULL);
    const int64_t id = submit("a red ball");
    world_work(id, WORLD_SUCCEEDED);
    assert_done(api_job_get(world.api, &world.admin, id, &job, &world.problem));
    assert_int_equal(job.row.job.state, JOB_SUCCEEDED);
    assert_string_equal(job.file.name, "clip.mp4");
    assert_int_equal(job.file.bytes, 4);
    assert_int_equal(job.place, -1);
    api_job_finish(&job);
    assert_done(api_job_peek(world.api, &world.admin, id, &job, &world.problem));
    assert_true(job.row.file_id != 0);
    assert_int_equal(job.file.id, 0);
    api_job_finish(&job);
    assert_int_equal(api_job_show(world.api, id, &job, &world.err), 0);
    assert_string_equal(job.file.name, "clip.mp4");
    api_job_finish(&job);
    assert_int_equal(api_job_show(world.api, 99, &job, &world.err), CONCH_ERR_NOTFOUND);
}

static void deleted_jobs_are_gone_with_their_files_until_they_are_restored(void **state)
{
    world_start(NULL);
    const int64_t id = submit("a red ball"), other = submit("a blue cube");
    struct store_file file;
    struct api_job_list list;
    assert_refused(api_job_delete(world.api, &world.admin, id, &world.problem), API_CONFLICT, "");
    world_work(id, WORLD_SUCCEEDED);
    assert_done(api_job_get(world.api, &world.admin, id, &job, &world.problem));
    const int64_t file_id = job.row.file_id;
    char *link = api_file_link(world.api, "http://conch.test", &job.file, 0, NULL);
    api_job_finish(&job);
    assert_refused(api_job_restore(world.api, &world.admin, id, &world.problem), API_NOT_FOUND, "");
    assert_done(api_job_delete(world.api, &world.admin, id, &world.problem));
    assert_refused(api_job_get(world.api, &world.admin, id, &job, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_job_peek(world.api, &world.admin, id, &job, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_job_delete(world.api, &world.admin, id, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_file_get(world.api, &world.admin, file_id, &file, &world.problem), API_NOT_FOUND, "");
    assert_refused(api_file_by_link(world.api, link + strlen("http://conch.test"), &file, &world.problem),
                   API_NOT_FOUND, "");
    assert_done(api_job_list(world.api, &world.admin, &(struct store_job_filter){0}, &(struct store_page){.count = 10},
                             true, &list, &world.problem));
    assert_int_equal(list.total, 1);
    assert_int_equal(list.jobs[0].row.job.id, other);
    api_job_list_finish(&list);
    assert_done(api_job_restore(world.api, &world.admin, id, &world.problem));
    assert_done(api_file_by_link(world.api, link + strlen("http://conch.test"), &file, &world.problem));
    assert_done(api_job_delete(world.api, &world.admin, id, &world.problem));
    free(link);
}

static void a_clip_is_reviewed_by_who_asked_for_it(void **state)
{
    world_start(NULL);
    const int64_t id = submit("a red ball");
    assert_refused(api_job_accept(world.api, &world.admin, id, 1, NULL, &job, &world.problem), API_CONFLICT, "");
    world_work(id, WORLD_SUCCEEDED);
    assert_done(api_job_accept(world.api, &world.admin, id, -1, "too dark", &job, &world.problem));
    assert_int_equal(job.row.accepted, -1);
    assert_string_equal(job.row.note, "too dark");
    api_job_finish(&job);
    assert_done(api_job_accept(world.api, &world.admin, id, 0, NULL, &job, &world.problem));
    assert_int_equal(job.row.accepted, 0);
    assert_null(job.row.note);
    api_job_finish(&job);
    assert_refused(api_job_accept(world.api, &world.admin, id, 2, NULL, &job, &world.problem), API_INVALID, "accepted");
    assert_refused(api_job_accept(world.api, &world.admin, id, 1, "\x01", &job, &world.problem), API_INVALID, "note");
}

static void only_jobs_of_unknown_fate_are_given_up(void **state)
{
    world_start(NULL);
    const int64_t id = submit("a red ball");
    assert_refused(api_job_give_up(world.api, &world.admin, id, true, &job, &world.problem), API_CONFLICT, "");
}

/* A job of a provider's whose answer was lost, with a hold of 1000. */
static int lost_work(void *context, struct store_tx *tx, conch_error *err)
{
    const int64_t now_ms = clock_wall_ms(), id = *(int64_t *)context;
    const struct job_settings settings = {.id = id, .remote = true};
    struct store_job row = {.account_id = world.admin.key.account_id,
                            .key_id = world.admin.key.id,
                            .hold_id = id,
                            .backend = (char *)"hosted",
                            .quoted = 1000};
    const struct store_hold hold = {.account_id = row.account_id,
                                    .hold_id = id,
                                    .key_id = row.key_id,
                                    .quote = {.unit = LEDGER_MICROUSD, .amount = 1000},
                                    .now_ms = now_ms,
                                    .note = ""};
    struct job_event event;
    int rc = job_create(&row.job, &settings, now_ms, &event, err);
    if (rc == 0)
        rc = store_hold(tx, &hold, err);
    if (rc == 0)
        rc = store_job_add(tx, &(struct store_job_new){.job = &row, .event = &event}, NULL, err);
    if (rc == 0)
        rc = job_claim(&row.job, 60000, now_ms, &event, err);
    if (rc == 0)
        rc = store_job_step(tx, &(struct store_job_step){.job = &row, .event = &event}, NULL, err);
    if (rc == 0)
        rc = job_lose(&row.job, row.job.fence, now_ms, &event, err);
    return rc < 0 ? rc : store_job_step(tx, &(struct store_job_step){.job = &row, .event = &event}, NULL, err);
}

static void a_job_of_unknown_fate_is_given_up_with_or_without_its_price(void **state)
{
    world_start(NULL);
    const int64_t before = world_available();
    for (int64_t id = 100; id <= 101; id++) {
        const bool charge = id == 101;
        assert_int_equal(store_write(world.store, lost_work, &id, &world.err), 0);
        assert_int_equal(world_available(), before - 1000);
        assert_done(api_job_give_up(world.api, &world.admin, id, charge, &job, &world.problem));
        assert_int_equal(job.row.job.state, JOB_FAILED);
        assert_int_equal(job.row.charged, charge ? 1000 : 0);
        api_job_finish(&job);
        assert_int_equal(world_available(), charge ? before - 1000 : before);
    }
}

static void lists_have_pages(void **state)
{
    world_start(NULL);
    int64_t ids[5];
    for (int i = 0; i < 5; i++)
        ids[i] = submit("a red ball");
    struct api_job_list list;
    struct store_page page = {.count = 2};
    size_t seen = 0;
    for (bool more = true; more;) {
        assert_done(
            api_job_list(world.api, &world.admin, &(struct store_job_filter){0}, &page, false, &list, &world.problem));
        for (size_t i = 0; i < list.count; i++) {
            assert_int_equal(list.jobs[i].row.job.id, ids[4 - seen]);
            assert_int_equal(list.jobs[i].place, 4 - (int64_t)seen);
            page.before_id = list.jobs[i].row.job.id;
            seen++;
        }
        more = list.more;
        api_job_list_finish(&list);
    }
    assert_int_equal(seen, 5);
    page.count = 0;
    assert_refused(
        api_job_list(world.api, &world.admin, &(struct store_job_filter){0}, &page, false, &list, &world.problem),
        API_INVALID, "limit");
    page.count = 1000;
    assert_refused(
        api_job_list(world.api, &world.admin, &(struct store_job_filter){0}, &page, false, &list, &world.problem),
        API_INVALID, "limit");
}

/* One engine makes the clips of both. */
static void a_rehearsal_and_a_local_job_wait_in_one_queue(void **state)
{
    world_start(NULL);
    struct api_submit rehearsal = world_ask(HAILUO, "a red ball");
    world_submit(&world.admin, &rehearsal);
    const int64_t id = submit("a red ball");
    assert_done(api_job_get(world.api, &world.admin, id, &job, &world.problem));
    assert_int_equal(job.place, 1);
    api_job_finish(&job);
}

/* Far back in a long queue the place is one of a moment ago, and still moves on. */
static void places_far_back_are_right_soon(void **state)
{
    enum { JOBS = LINE_NEAR * 2 };
    int64_t ids[JOBS];
    world_start(NULL);
    struct api_submit rehearsal = world_ask(HAILUO, "a red ball");
    for (int i = 0; i < JOBS; i++)
        ids[i] = i % 2 ? submit("a red ball") : world_submit(&world.admin, &rehearsal);
    for (int i = 0; i < JOBS; i++) {
        assert_done(api_job_get(world.api, &world.admin, ids[i], &job, &world.problem));
        assert_int_equal(job.place, i);
        api_job_finish(&job);
    }
    assert_done(api_job_cancel(world.api, &world.admin, ids[0], NULL, &job, &world.problem));
    api_job_finish(&job);
    usleep((LINE_KEPT_MS + 100) * 1000);
    assert_done(api_job_get(world.api, &world.admin, ids[JOBS - 1], &job, &world.problem));
    assert_int_equal(job.place, JOBS - 2);
    api_job_finish(&job);
}

static void events_tell_of_a_job_from_its_beginning(void **state)
{
    world_start(NULL);
    const int64_t id = submit("a red ball");
    world_work(id, WORLD_FAILED);
    struct store_event events[10];
    size_t count = 10;
    const struct store_event_filter filter = {.job_id = id};
    assert_done(api_event_list(world.api, &world.admin, &filter, events, &count, &world.problem));
    assert_int_equal(count, 4); /* create, claim, start, fail */
    assert_int_equal(events[0].event.to, JOB_QUEUED);
    assert_int_equal(events[3].event.to, JOB_FAILED);
}

static void the_preview_of_a_running_job_is_its_newest_picture(void **state)
{
    world_start(NULL);
    const int64_t id = submit("a red ball");
    char path[120];
    void *data;
    size_t size;
    world_work(id, WORLD_RUNNING);
    assert_refused(api_job_preview(world.api, &world.admin, id, &data, &size, &world.problem), API_NOT_FOUND, "");
    snprintf(path, sizeof path, "%s/preview", world.folder);
    assert_int_equal(file_make_folders(path, NULL), 0);
    snprintf(path, sizeof path, "%s/preview/%lld.png", world.folder, (long long)id);
    assert_int_equal(file_write_atomic(path, "PNG", 3, NULL), 0);
    assert_done(api_job_preview(world.api, &world.admin, id, &data, &size, &world.problem));
    assert_int_equal(size, 3);
    assert_memory_equal(data, "PNG", 3);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        api_test(a_stranger_sees_and_touches_nothing),
        api_test(keys_do_what_their_scopes_say),
        api_test(a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked),
        api_test(cancelling_again_with_one_key_is_answered_alike),
        api_test(whoever_asked_to_be_told_is_told_of_a_cancelled_job),
        api_test(a_finished_job_shows_its_file),
        api_test(deleted_jobs_are_gone_with_their_files_until_they_are_restored),
        api_test(a_clip_is_reviewed_by_who_asked_for_it),
        api_test(only_jobs_of_unknown_fate_are_given_up),
        api_test(a_job_of_unknown_fate_is_given_up_with_or_without_its_price),
        api_test(lists_have_pages),
        api_test(a_rehearsal_and_a_local_job_wait_in_one_queue),
        api_test(places_far_back_are_right_soon),
        api_test(events_tell_of_a_job_from_its_beginning),
        api_test(the_preview_of_a_running_job_is_its_newest_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
