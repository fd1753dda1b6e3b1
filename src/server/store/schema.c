/* Numbers of enums are those of job.h, ledger.h and store.h. Partial indexes keep what is looked for all the time (what
 * is queued, leased, due) apart from the many rows that are done. */
#include "server/store/schema.h"

static const char accounts[] =
    "CREATE TABLE account ("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL, created_ms INTEGER NOT NULL, closed_ms INTEGER NOT NULL,"
    "  issued_microusd INTEGER NOT NULL CHECK (issued_microusd >= 0),"
    "  issued_millicredit INTEGER NOT NULL CHECK (issued_millicredit >= 0)) STRICT;"
    "CREATE TABLE api_key ("
    "  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES account (id), hash BLOB NOT NULL,"
    "  name TEXT NOT NULL, tail TEXT NOT NULL, scopes INTEGER NOT NULL, budget_microusd INTEGER NOT NULL,"
    "  spent_microusd INTEGER NOT NULL CHECK (spent_microusd >= 0), queued_max INTEGER NOT NULL,"
    "  running_max INTEGER NOT NULL, priority_max INTEGER NOT NULL, policy TEXT NOT NULL,"
    "  created_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL, revoked_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX api_key_hash ON api_key (hash);"
    "CREATE INDEX api_key_account ON api_key (account_id);";

/* What is long and seldom changes stands in job_text: progress rewrites a short row. files_live: how many of its files
 * are not deleted, kept by the functions for files. events_pruned: how many of its events have been dropped. */
static const char jobs[] =
    "CREATE TABLE job ("
    "  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES account (id), key_id INTEGER NOT NULL,"
    "  hold_id INTEGER NOT NULL, remote INTEGER NOT NULL, attempts_max INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL, seconds INTEGER NOT NULL, unit INTEGER NOT NULL, quoted INTEGER NOT NULL,"
    "  dialect TEXT, task TEXT, model_asked TEXT, model TEXT, backend TEXT NOT NULL, mode TEXT, resolution TEXT,"
    "  ratio TEXT, callback_style TEXT,"
    "  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 8), error INTEGER NOT NULL,"
    "  cancel_requested INTEGER NOT NULL, priority INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    "  progress_permille INTEGER NOT NULL, fence INTEGER NOT NULL, lease_until_ms INTEGER NOT NULL,"
    "  due_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL,"
    "  state_ms INTEGER NOT NULL, event_count INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,"
    "  fps INTEGER NOT NULL, seed INTEGER NOT NULL, file_id INTEGER NOT NULL, poster_file_id INTEGER NOT NULL,"
    "  charged INTEGER NOT NULL, step INTEGER NOT NULL, step_count INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    "  served_by TEXT, phase TEXT, deleted_ms INTEGER NOT NULL, accepted INTEGER NOT NULL,"
    "  files_live INTEGER NOT NULL DEFAULT 0, events_pruned INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX job_account ON job (account_id);"
    "CREATE INDEX job_queued ON job (backend, priority DESC, created_ms, id) WHERE state = 0;"
    "CREATE INDEX job_resumable ON job (backend, priority DESC, created_ms, id)"
    "  WHERE remote = 1 AND lease_until_ms = 0 AND state IN (2, 3, 8);"
    "CREATE INDEX job_leased ON job (lease_until_ms) WHERE lease_until_ms > 0;"
    "CREATE INDEX job_expiring ON job (expires_ms) WHERE expires_ms > 0 AND files_live > 0;"
    "CREATE INDEX job_finished ON job (finished_ms) WHERE finished_ms > 0;"
    "CREATE TABLE job_text ("
    "  job_id INTEGER PRIMARY KEY REFERENCES job (id), prompt TEXT, prompt_used TEXT, details TEXT,"
    "  error_text TEXT, callback_url TEXT, note TEXT) STRICT;"
    "CREATE TABLE job_input ("
    "  job_id INTEGER NOT NULL REFERENCES job (id), role INTEGER NOT NULL, position INTEGER NOT NULL,"
    "  file_id INTEGER NOT NULL, PRIMARY KEY (job_id, role, position)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX job_input_file ON job_input (file_id);"
    /* counts by key; key 0: all */
    "CREATE TABLE job_load ("
    "  key_id INTEGER PRIMARY KEY, queued INTEGER NOT NULL CHECK (queued >= 0),"
    "  running INTEGER NOT NULL CHECK (running >= 0)) STRICT;";

/* Promise: one terminal state a job; numbers without double. */
static const char events[] =
    "CREATE TABLE event ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, account_id INTEGER NOT NULL, job_id INTEGER NOT NULL REFERENCES job (id),"
    "  number INTEGER NOT NULL, at_ms INTEGER NOT NULL, arrow INTEGER NOT NULL, from_state INTEGER NOT NULL,"
    "  to_state INTEGER NOT NULL, error INTEGER NOT NULL, money INTEGER NOT NULL, attempt INTEGER NOT NULL,"
    "  progress_permille INTEGER NOT NULL, fence INTEGER NOT NULL, step INTEGER NOT NULL,"
    "  step_count INTEGER NOT NULL, phase TEXT NOT NULL, text TEXT NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX event_number ON event (job_id, number);"
    "CREATE UNIQUE INDEX event_terminal ON event (job_id) WHERE to_state IN (4, 5, 6, 7);"
    "CREATE INDEX event_account ON event (account_id);"
    "CREATE INDEX event_small ON event (at_ms) WHERE arrow IN (14, 15);";

static const char files[] =
    "CREATE TABLE file ("
    "  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, job_id INTEGER NOT NULL, purpose TEXT NOT NULL,"
    "  name TEXT NOT NULL, type TEXT NOT NULL, blob TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, deleted_ms INTEGER NOT NULL,"
    "  width INTEGER NOT NULL, height INTEGER NOT NULL, duration_ms INTEGER NOT NULL) STRICT;"
    "CREATE INDEX file_live ON file (account_id, id, bytes) WHERE deleted_ms = 0;"
    "CREATE INDEX file_job ON file (job_id) WHERE job_id > 0;"
    "CREATE INDEX file_blob ON file (blob);"
    "CREATE INDEX file_expiring ON file (expires_ms) WHERE expires_ms > 0 AND deleted_ms = 0;"
    "CREATE INDEX file_deleted ON file (deleted_ms) WHERE deleted_ms > 0;";

/* Promise: one of settle and release a hold. *_after: the account's money in that unit after the movement. */
static const char money[] =
    "CREATE TABLE lot ("
    "  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES account (id), kind INTEGER NOT NULL,"
    "  available INTEGER NOT NULL CHECK (available >= 0), held INTEGER NOT NULL CHECK (held >= 0),"
    "  expires_ms INTEGER NOT NULL) STRICT;"
    "CREATE INDEX lot_open ON lot (account_id, kind) WHERE available > 0 OR held > 0;"
    "CREATE INDEX lot_expiring ON lot (expires_ms) WHERE expires_ms > 0 AND available > 0;"
    "CREATE TABLE hold ("
    "  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES account (id), key_id INTEGER NOT NULL,"
    "  unit INTEGER NOT NULL, state INTEGER NOT NULL, amount INTEGER NOT NULL CHECK (amount >= 0),"
    "  spent INTEGER NOT NULL CHECK (spent BETWEEN 0 AND amount), at_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE pin ("
    "  hold_id INTEGER NOT NULL REFERENCES hold (id), position INTEGER NOT NULL,"
    "  lot_id INTEGER NOT NULL REFERENCES lot (id), amount INTEGER NOT NULL CHECK (amount > 0),"
    "  spent INTEGER NOT NULL CHECK (spent BETWEEN 0 AND amount),"
    "  PRIMARY KEY (hold_id, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE movement ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, account_id INTEGER NOT NULL,"
    "  unit INTEGER NOT NULL, hold_id INTEGER NOT NULL, lot_id INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    "  note TEXT NOT NULL, available_change INTEGER NOT NULL, held_change INTEGER NOT NULL,"
    "  spent INTEGER NOT NULL, available_after INTEGER NOT NULL CHECK (available_after >= 0),"
    "  held_after INTEGER NOT NULL CHECK (held_after >= 0)) STRICT;"
    "CREATE INDEX movement_account ON movement (account_id, unit, id);"
    "CREATE UNIQUE INDEX movement_resolves ON movement (hold_id) WHERE kind IN (3, 4);"
    "CREATE TABLE posting ("
    "  movement_id INTEGER NOT NULL REFERENCES movement (id), position INTEGER NOT NULL, book INTEGER NOT NULL,"
    "  lot_id INTEGER NOT NULL, hold_id INTEGER NOT NULL, amount INTEGER NOT NULL CHECK (amount <> 0),"
    "  PRIMARY KEY (movement_id, position)) STRICT, WITHOUT ROWID;";

static const char rest[] =
    "CREATE TABLE message ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, job_id INTEGER NOT NULL, event_id INTEGER NOT NULL, url TEXT NOT NULL,"
    "  style TEXT, kind TEXT NOT NULL, body TEXT, body_type TEXT, attempts INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, done_ms INTEGER NOT NULL, dead_ms INTEGER NOT NULL,"
    "  last_status INTEGER NOT NULL, last_error TEXT NOT NULL) STRICT;"
    "CREATE INDEX message_due ON message (due_ms) WHERE done_ms = 0 AND dead_ms = 0;"
    "CREATE INDEX message_open ON message (job_id, id) WHERE done_ms = 0 AND dead_ms = 0;"
    "CREATE INDEX message_job ON message (job_id);"
    "CREATE INDEX message_dead ON message (dead_ms) WHERE dead_ms > 0;"
    "CREATE INDEX message_done ON message (done_ms) WHERE done_ms > 0;"
    "CREATE TABLE answer ("
    "  key_id INTEGER NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, request_hash BLOB NOT NULL,"
    "  status INTEGER NOT NULL, body BLOB, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (key_id, scope, name)) STRICT;"
    "CREATE INDEX answer_expires ON answer (expires_ms);"
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;"
    "CREATE TABLE worker ("
    "  name TEXT PRIMARY KEY, kind TEXT NOT NULL, pid INTEGER NOT NULL, started_ms INTEGER NOT NULL,"
    "  seen_ms INTEGER NOT NULL, job_id INTEGER NOT NULL, details TEXT) STRICT;";

/* Words wait for no engine; what a lot once was; how many jobs have ended. */
static const char looks[] = "CREATE INDEX job_queued_context ON job (backend, priority DESC, created_ms, id)"
                            "  WHERE state = 0 AND task = 'context';"
                            "CREATE INDEX movement_lot ON movement (lot_id) WHERE kind IN (0, 1);"
                            "CREATE INDEX event_ended ON event (to_state) WHERE to_state IN (4, 5, 6, 7);";

const char *const schema_steps[] = {accounts, jobs, events, files, money, rest, looks};
const size_t schema_step_count = sizeof(schema_steps) / sizeof(schema_steps[0]);
