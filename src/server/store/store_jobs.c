/* Jobs: one row, and what an arrow makes of it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/job_row.h"

void store_job_finish(struct store_job *job)
{
    if (!job)
        return;
#define FREE(i, u, column, field) free(job->field);
    JOB_TEXTS(FREE)
    JOB_LONG_TEXTS(FREE)
#undef FREE
    memset(job, 0, sizeof(*job));
}

static int job_row_read(struct store_job *job, struct db_statement *statement, conch_error *err)
{
    int column = 0;
#define NUMBER(i, u, name, field) job->field = db_column_int64(statement, column++);
    JOB_NUMBERS(NUMBER)
#undef NUMBER
    int rc = 0;
#define TEXT(i, u, name, field)                                                                                        \
    if (rc == 0)                                                                                                       \
        rc = column_take(statement, column++, &job->field, err);
    JOB_TEXTS(TEXT)
    column++; /* the 0 between the lists */
    JOB_LONG_TEXTS(TEXT)
#undef TEXT
    return rc;
}

int job_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct store_job *job = (struct store_job *)context + index;
    memset(job, 0, sizeof(*job));
    int rc = job_row_read(job, statement, err);
    if (rc < 0)
        store_job_finish(job);
    return rc;
}

int store_job_get(struct store_tx *tx, int64_t id, int64_t account_id, struct store_job *ret, conch_error *err)
{
    struct store_job job;
    struct rows_wanted wanted = {.row = job_row, .context = &job, .max = 1};
    size_t count = 0;
    int rc = rows_each(tx->db, JOB_SELECT " WHERE j.id = $1 AND ($2 = 0 OR (j.account_id = $2 AND j.deleted_ms = 0))",
                       DB_WITH(db_int64(id), db_int64(account_id)), &wanted, &count, err);
    if (rc == 0 && count == 0)
        return not_found(err, "job", id);
    if (rc == 0)
        *ret = job;
    return rc;
}

static int input_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct store_input *input = (struct store_input *)context + index;
    input->role = (enum store_input_role)db_column_int64(statement, 0);
    input->position = (int32_t)db_column_int64(statement, 1);
    input->file_id = db_column_int64(statement, 2);
    return 0;
}

int store_job_inputs(struct store_tx *tx, int64_t job_id, struct store_input *ret, size_t *ret_count, conch_error *err)
{
    struct rows_wanted wanted = {.row = input_row, .context = ret, .max = STORE_INPUTS_MAX};
    return rows_each(tx->db, "SELECT role, position, file_id FROM job_input WHERE job_id = $1 ORDER BY role, position",
                     DB_WITH(db_int64(job_id)), &wanted, ret_count, err);
}

const char *store_input_role_name(enum store_input_role role)
{
    static const char *const names[STORE_INPUT_ROLES] = {"first_frame",     "last_frame",      "subject",
                                                         "reference_image", "reference_video", "reference_audio"};
    assert((unsigned)role < STORE_INPUT_ROLES);
    return names[role];
}

/* ---- writing ---- */

static bool is_running(enum job_state state)
{
    return state == JOB_SUBMITTING || state == JOB_RUNNING || state == JOB_STORING;
}

/* The key's row and that of all, which is 0. */
static int load_queued(struct db *db, int64_t key_id, conch_error *err)
{
    return db_run(db,
                  "INSERT INTO job_load (key_id, queued, running) VALUES ($1, 1, 0) ON CONFLICT (key_id)"
                  " DO UPDATE SET queued = job_load.queued + 1",
                  DB_WITH(db_int64(key_id)), NULL, err);
}

static int load_change(struct db *db, int64_t key_id, int queued, int running, conch_error *err)
{
    return db_run(db, "UPDATE job_load SET queued = queued + $2, running = running + $3 WHERE key_id = $1",
                  DB_WITH(db_int64(key_id), db_int64(queued), db_int64(running)), NULL, err);
}

static int loads_change(struct db *db, const struct store_job *job, const struct job_event *event, conch_error *err)
{
    const int queued = (event->to == JOB_QUEUED) - (event->from == JOB_QUEUED);
    const int running = is_running(event->to) - is_running(event->from);
    if (!queued && !running)
        return 0;
    int rc = load_change(db, 0, queued, running, err);
    return rc == 0 && job->key_id ? load_change(db, job->key_id, queued, running, err) : rc;
}

#define COLUMN(i, u, column, field)      #column ", "
#define PLACE(i, u, column, field)       "$" #i ", "
#define BIND_NUMBER(i, u, column, field) db_int64((int64_t)job->field),
#define BIND_TEXT(i, u, column, field)   db_text(job->field),

static int job_insert(struct db *db, const struct store_job *job, conch_error *err)
{
    /* $1 to $46, in the order of the lists. */
    return db_run(
        db,
        "INSERT INTO job (" JOB_FIXED_NUMBERS(COLUMN) JOB_FIXED_TEXTS(COLUMN) JOB_CHANGING_NUMBERS(COLUMN)
            JOB_CHANGING_TEXTS(COLUMN) JOB_MARKS(COLUMN) "files_live, events_pruned) VALUES (" JOB_FIXED_NUMBERS(PLACE)
                JOB_FIXED_TEXTS(PLACE) JOB_CHANGING_NUMBERS(PLACE) JOB_CHANGING_TEXTS(PLACE) JOB_MARKS(PLACE) "0, 0)",
        DB_WITH(JOB_FIXED_NUMBERS(BIND_NUMBER) JOB_FIXED_TEXTS(BIND_TEXT) JOB_CHANGING_NUMBERS(BIND_NUMBER)
                    JOB_CHANGING_TEXTS(BIND_TEXT) JOB_MARKS(BIND_NUMBER)),
        NULL, err);
}

static int text_insert(struct db *db, const struct store_job *job, conch_error *err)
{
    return db_run(db,
                  "INSERT INTO job_text (job_id, prompt, prompt_used, details, error_text, callback_url, note)"
                  " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                  DB_WITH(db_int64(job->job.id), JOB_LONG_TEXTS(BIND_TEXT)), NULL, err);
}

static int input_insert(struct db *db, int64_t job_id, const struct store_input *input, conch_error *err)
{
    return db_run(db, "INSERT INTO job_input (job_id, role, position, file_id) VALUES ($1, $2, $3, $4)",
                  DB_WITH(db_int64(job_id), db_int64(input->role), db_int64(input->position), db_int64(input->file_id)),
                  NULL, err);
}

static int job_check(const struct store_job *job, conch_error *err)
{
    size_t bytes = job->details ? strlen(job->details) : 0;
    if (bytes > STORE_DETAILS_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "job %lld: its details have %zu bytes, at most %d are kept",
                               (long long)job->job.id, bytes, STORE_DETAILS_BYTES_MAX);
    if (!job->backend)
        return conch_error_set(err, CONCH_ERR_RANGE, "job %lld has no backend", (long long)job->job.id);
    return 0;
}

int store_job_add(struct store_tx *tx, const struct store_job_new *add, int64_t *ret_event_id, conch_error *err)
{
    const struct store_job *job = add->job;
    assert(tx->scratch && job->job.state == JOB_QUEUED && job->job.event_count == 1);
    if (add->input_count > STORE_INPUTS_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "job %lld: %zu inputs, at most %d are kept",
                               (long long)job->job.id, add->input_count, STORE_INPUTS_MAX);
    int rc = job_check(job, err);
    if (rc == 0)
        rc = job_insert(tx->db, job, err);
    if (rc == 0)
        rc = text_insert(tx->db, job, err);
    for (size_t i = 0; rc == 0 && i < add->input_count; i++)
        rc = input_insert(tx->db, job->job.id, &add->inputs[i], err);
    if (rc == 0)
        rc = event_add(tx, job, add->event, NULL, ret_event_id, err);
    if (rc == 0)
        rc = load_queued(tx->db, 0, err);
    return rc == 0 && job->key_id ? load_queued(tx->db, job->key_id, err) : rc;
}

static int stale(const struct store_job *job, conch_error *err)
{
    return conch_error_set(err, JOB_ERR_STALE, "job %lld has changed since it was read", (long long)job->job.id);
}

#define SET_UPDATE(i, u, column, field) #column " = $" #u ", "

/* $1 id, $2 .. $26 the columns, $27 the count of events before this one. */
static int job_update(struct db *db, const struct store_job *job, conch_error *err)
{
    int64_t changed = 0;
    int rc = db_run(db,
                    "UPDATE job SET " JOB_CHANGING_NUMBERS(SET_UPDATE)
                        JOB_CHANGING_TEXTS(SET_UPDATE) "id = id WHERE id = $1 AND event_count = $27",
                    DB_WITH(db_int64(job->job.id), JOB_CHANGING_NUMBERS(BIND_NUMBER) JOB_CHANGING_TEXTS(BIND_TEXT)
                                                       db_int64(job->job.event_count - 1)),
                    &changed, err);
    return rc == 0 && changed != 1 ? stale(job, err) : rc;
}

/* Seldom different, so usually one look and no write. */
static int text_update(struct db *db, const struct store_job *job, conch_error *err)
{
    return db_run(
        db,
        "UPDATE job_text SET prompt_used = $2, details = $3, error_text = $4 WHERE job_id = $1 AND"
        " (prompt_used IS DISTINCT FROM $2 OR details IS DISTINCT FROM $3 OR error_text IS DISTINCT FROM $4)",
        DB_WITH(db_int64(job->job.id), db_text(job->prompt_used), db_text(job->details), db_text(job->error_text)),
        NULL, err);
}

int store_job_step(struct store_tx *tx, const struct store_job_step *step, int64_t *ret_event_id, conch_error *err)
{
    struct store_job *job = step->job;
    const struct job_event *event = step->event;
    assert(tx->scratch && event->job_id == job->job.id && event->number == job->job.event_count);
    int64_t charged_before = job->charged;
    if (event->money == JOB_MONEY_SETTLE)
        job->charged = step->charge;
    int rc = job_check(job, err);
    if (rc == 0)
        rc = job_update(tx->db, job, err);
    if (rc == 0)
        rc = text_update(tx->db, job, err);
    if (rc == 0)
        rc = loads_change(tx->db, job, event, err);
    if (rc == 0 && event->money != JOB_MONEY_KEEP)
        rc = ledger_resolve(tx, job, event->money, step->charge, event->at_ms, err);
    const char *text = step->text ? step->text : event->error != JOB_ERROR_NONE ? job->error_text : NULL;
    if (rc == 0)
        rc = event_add(tx, job, event, text, ret_event_id, err);
    if (rc < 0)
        job->charged = charged_before;
    return rc;
}

int store_job_mark(struct store_tx *tx, const struct store_job *job, conch_error *err)
{
    assert(tx->scratch);
    int rc = run_one(tx->db, "UPDATE job SET accepted = $2, deleted_ms = $3 WHERE id = $1",
                     DB_WITH(db_int64(job->job.id), db_int64(job->accepted), db_int64(job->deleted_ms)), "job",
                     job->job.id, err);
    if (rc < 0)
        return rc;
    return run_one(tx->db, "UPDATE job_text SET note = $2 WHERE job_id = $1",
                   DB_WITH(db_int64(job->job.id), db_text(job->note)), "job", job->job.id, err);
}

int store_job_progress(struct store_tx *tx, const struct store_job *job, conch_error *err)
{
    assert(tx->scratch);
    int64_t changed = 0;
    int rc = db_run(tx->db,
                    "UPDATE job SET step = $2, step_count = $3, phase = $4,"
                    " progress_permille = CASE WHEN progress_permille < $5 THEN $5 ELSE progress_permille END,"
                    " lease_until_ms = CASE WHEN lease_until_ms < $6 THEN $6 ELSE lease_until_ms END"
                    " WHERE id = $1 AND fence = $7 AND state = $8 AND lease_until_ms > 0",
                    DB_WITH(db_int64(job->job.id), db_int64(job->step), db_int64(job->step_count), db_text(job->phase),
                            db_int64(job->job.progress_permille), db_int64(job->job.lease_until_ms),
                            db_int64(job->job.fence), db_int64(job->job.state)),
                    &changed, err);
    return rc == 0 && changed != 1 ? stale(job, err) : rc;
}
