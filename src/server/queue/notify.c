#include "server/queue/notify.h"

#include <stdlib.h>
#include <string.h>

enum { MESSAGES_MAX = 32 /* of one job that are looked through; it says each thing once, so there are few */ };

static bool tells(const struct job_event *event)
{
    if (event->arrow == JOB_ARROW_CREATE || event->to == JOB_QUEUED)
        return false;
    return job_terminal(event->to) || job_bucket(event->from) != job_bucket(event->to);
}

static int said_already(struct store_tx *tx, int64_t job_id, const char *kind, bool *ret, conch_error *err)
{
    struct store_message *messages = calloc(MESSAGES_MAX, sizeof *messages);
    size_t count = MESSAGES_MAX;
    if (!messages)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a job's messages");
    int rc = store_message_list(tx, job_id, messages, &count, err);
    *ret = false;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        *ret = *ret || strcmp(messages[i].kind, kind) == 0;
        store_message_finish(&messages[i]);
    }
    free(messages);
    return rc;
}

int queue_notify(struct store_tx *tx, const struct store_job *job, const struct job_event *event, int64_t event_id,
                 conch_error *err)
{
    bool said = false;
    if (!job->callback_url || !*job->callback_url || !tells(event))
        return 0;
    struct store_message message = {.job_id = job->job.id,
                                    .event_id = event_id,
                                    .url = job->callback_url, /* borrowed: only read */
                                    .style = job->callback_style,
                                    .created_ms = event->at_ms,
                                    .due_ms = event->at_ms};
    strncpy(message.kind, job_state_name(event->to), sizeof message.kind - 1);
    int rc = said_already(tx, job->job.id, message.kind, &said, err);
    return rc < 0 || said ? rc : store_message_add(tx, &message, NULL, err);
}
