/* The columns of a job, once: every statement that reads or writes them is made from these lists.
 *
 * X(insert, update, column, field): the number of the parameter in the INSERT, and in the UPDATE after an arrow. */
#ifndef SERVER_STORE_JOB_ROW_H
#define SERVER_STORE_JOB_ROW_H

#include "server/store/store_inner.h"

#define JOB_FIXED_NUMBERS(X)                                                                                           \
    X(1, 0, id, job.id)                                                                                                \
    X(2, 0, account_id, account_id)                                                                                    \
    X(3, 0, key_id, key_id)                                                                                            \
    X(4, 0, hold_id, hold_id)                                                                                          \
    X(5, 0, remote, job.remote)                                                                                        \
    X(6, 0, attempts_max, job.attempts_max)                                                                            \
    X(7, 0, created_ms, job.created_ms)                                                                                \
    X(8, 0, seconds, seconds)                                                                                          \
    X(9, 0, unit, unit)                                                                                                \
    X(10, 0, quoted, quoted)
#define JOB_FIXED_TEXTS(X)                                                                                             \
    X(11, 0, dialect, dialect)                                                                                         \
    X(12, 0, task, task)                                                                                               \
    X(13, 0, model_asked, model_asked)                                                                                 \
    X(14, 0, model, model)                                                                                             \
    X(15, 0, backend, backend)                                                                                         \
    X(16, 0, mode, mode)                                                                                               \
    X(17, 0, resolution, resolution)                                                                                   \
    X(18, 0, ratio, ratio)                                                                                             \
    X(19, 0, callback_style, callback_style)
#define JOB_CHANGING_NUMBERS(X)                                                                                        \
    X(20, 2, state, job.state)                                                                                         \
    X(21, 3, error, job.error)                                                                                         \
    X(22, 4, cancel_requested, job.cancel_requested)                                                                   \
    X(23, 5, priority, job.priority)                                                                                   \
    X(24, 6, attempts, job.attempts)                                                                                   \
    X(25, 7, progress_permille, job.progress_permille)                                                                 \
    X(26, 8, fence, job.fence)                                                                                         \
    X(27, 9, lease_until_ms, job.lease_until_ms)                                                                       \
    X(28, 10, due_ms, job.due_ms)                                                                                      \
    X(29, 11, started_ms, job.started_ms)                                                                              \
    X(30, 12, finished_ms, job.finished_ms)                                                                            \
    X(31, 13, state_ms, job.state_ms)                                                                                  \
    X(32, 14, event_count, job.event_count)                                                                            \
    X(33, 15, width, width)                                                                                            \
    X(34, 16, height, height)                                                                                          \
    X(35, 17, fps, fps)                                                                                                \
    X(36, 18, seed, seed)                                                                                              \
    X(37, 19, file_id, file_id)                                                                                        \
    X(38, 20, poster_file_id, poster_file_id)                                                                          \
    X(39, 21, charged, charged)                                                                                        \
    X(40, 22, step, step)                                                                                              \
    X(41, 23, step_count, step_count)                                                                                  \
    X(42, 24, expires_ms, expires_ms)
#define JOB_CHANGING_TEXTS(X)                                                                                          \
    X(43, 25, served_by, served_by)                                                                                    \
    X(44, 26, phase, phase)
#define JOB_MARKS(X)                                                                                                   \
    X(45, 0, deleted_ms, deleted_ms)                                                                                   \
    X(46, 0, accepted, accepted)
#define JOB_LONG_TEXTS(X)                                                                                              \
    X(2, 2, prompt, prompt)                                                                                            \
    X(3, 3, prompt_used, prompt_used)                                                                                  \
    X(4, 4, details, details)                                                                                          \
    X(5, 5, error_text, error_text)                                                                                    \
    X(6, 6, callback_url, callback_url)                                                                                \
    X(7, 7, note, note)

/* In the order of a SELECT's columns. */
#define JOB_NUMBERS(X) JOB_FIXED_NUMBERS(X) JOB_CHANGING_NUMBERS(X) JOB_MARKS(X)
#define JOB_TEXTS(X)   JOB_FIXED_TEXTS(X) JOB_CHANGING_TEXTS(X)

#define JOB_COLUMN_J(i, u, column, field) "j." #column ", "
#define JOB_COLUMN_T(i, u, column, field) ", t." #column
/* For FROM job j JOIN job_text t ON t.job_id = j.id. */
#define JOB_SELECT                                                                                                     \
    "SELECT " JOB_NUMBERS(JOB_COLUMN_J)                                                                                \
        JOB_TEXTS(JOB_COLUMN_J) "0" JOB_LONG_TEXTS(JOB_COLUMN_T) " FROM job j JOIN job_text t ON t.job_id = j.id"

/* A row_read into an array of struct store_job. On an error what it had read is finished. */
int job_row(void *context, size_t index, struct db_statement *statement, conch_error *err);

#endif
