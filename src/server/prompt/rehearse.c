#include "server/prompt/rehearse.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"

#define TAG_START      "[sandbox:"
#define TAG_BYTES_MAX  64
#define LIST_BYTES_MAX 400

static const struct rehearse_row rows[] = {
    {"[sandbox:content_policy]", REHEARSE_CONTENT_POLICY, REHEARSE_AT_SUBMIT, JOB_ERROR_CONTENT_POLICY,
     "the prompt is refused as if it broke the content policy"},
    {"[sandbox:output_policy]", REHEARSE_OUTPUT_POLICY, REHEARSE_AT_END, JOB_ERROR_CONTENT_POLICY,
     "the job runs and its clip is then held back by the content policy"},
    {"[sandbox:balance]", REHEARSE_BALANCE, REHEARSE_AT_SUBMIT, JOB_ERROR_BALANCE,
     "the request is refused for want of balance"},
    {"[sandbox:rate_limit]", REHEARSE_RATE_LIMIT, REHEARSE_AT_SUBMIT, JOB_ERROR_RATE_LIMIT,
     "the request is refused because there were too many"},
    {"[sandbox:invalid]", REHEARSE_INVALID, REHEARSE_AT_SUBMIT, JOB_ERROR_INVALID_INPUT,
     "the request is refused as invalid"},
    {"[sandbox:timeout]", REHEARSE_TIMEOUT, REHEARSE_IN_JOB, JOB_ERROR_TIMEOUT,
     "every attempt to reach the provider times out, and the job fails"},
    {"[sandbox:lost_answer]", REHEARSE_LOST_ANSWER, REHEARSE_IN_JOB, JOB_ERROR_LOST_ANSWER,
     "the provider's answer is lost: the job stays unknown until it is looked up or given up"},
    {"[sandbox:worker_crash]", REHEARSE_WORKER_CRASH, REHEARSE_IN_JOB, JOB_ERROR_WORKER_LOST,
     "the worker dies while it has the job"},
    {"[sandbox:internal]", REHEARSE_INTERNAL, REHEARSE_IN_JOB, JOB_ERROR_INTERNAL,
     "the job fails by an internal error"},
    {"[sandbox:slow]", REHEARSE_SLOW, REHEARSE_IN_JOB, JOB_ERROR_NONE,
     "the job takes 30 seconds longer; [sandbox:slow=N] makes it N seconds, 1 to 600"},
};

const struct rehearse_row *rehearse_rows(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(rows);
    return rows;
}

static int unknown_tag(const char *tag, size_t size, conch_error *err)
{
    struct buf list;
    buf_init(&list, LIST_BYTES_MAX);
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows) && rc == 0; i++)
        rc = buf_append_format(&list, err, "%s%s", i ? ", " : "", rows[i].tag);
    if (rc == 0)
        rc = conch_error_set(err, CONCH_ERR_RANGE, "the prompt has %.*s; the sandbox knows %s", (int)size, tag,
                             list.data);
    buf_finish(&list);
    return rc;
}

static int seconds_read(const char *text, size_t size, int *ret, conch_error *err)
{
    long seconds = 0;
    for (size_t i = 0; i < size && seconds <= REHEARSE_SLOW_SECONDS_MAX; i++)
        seconds = text[i] >= '0' && text[i] <= '9' ? seconds * 10 + (text[i] - '0') : REHEARSE_SLOW_SECONDS_MAX + 1;
    if (seconds < 1 || seconds > REHEARSE_SLOW_SECONDS_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "the prompt has [sandbox:slow=%.*s]; allowed are 1 to %d seconds",
                               (int)size, text, REHEARSE_SLOW_SECONDS_MAX);
    *ret = (int)seconds;
    return 0;
}

/* One whole tag of size bytes, brackets included. */
static int tag_take(const char *tag, size_t size, struct rehearsal *rehearsal, conch_error *err)
{
    static const char slow[] = "[sandbox:slow=";
    if (strncasecmp(tag, slow, strlen(slow)) == 0)
        return seconds_read(tag + strlen(slow), size - strlen(slow) - 1, &rehearsal->slow_seconds, err);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct rehearse_row *row = &rows[i];
        if (strlen(row->tag) != size || strncasecmp(tag, row->tag, size) != 0)
            continue;
        if (row->kind == REHEARSE_SLOW) {
            rehearsal->slow_seconds = REHEARSE_SLOW_SECONDS;
            return 0;
        }
        if (rehearsal->kind != REHEARSE_NONE && rehearsal->kind != row->kind)
            return conch_error_set(err, CONCH_ERR_RANGE,
                                   "the prompt asks the sandbox for two failures, the second is %s; one is allowed",
                                   row->tag);
        rehearsal->kind = row->kind;
        rehearsal->when = row->when;
        rehearsal->error = row->error;
        return 0;
    }
    return unknown_tag(tag, size, err);
}

int rehearse_parse(const char *text, struct rehearsal *ret, struct buf *ret_text, conch_error *err)
{
    assert(text && ret && ret_text);
    struct rehearsal rehearsal = {0};
    struct buf out;
    int rc = 0;
    buf_init(&out, ret_text->size_max);
    while (*text && rc == 0) {
        const char *tag = strcasestr(text, TAG_START);
        const char *end = tag ? memchr(tag, ']', strnlen(tag, TAG_BYTES_MAX)) : NULL;
        size_t before = tag ? (size_t)(tag - text) : strlen(text);
        rc = buf_append(&out, text, before, err);
        text += before;
        if (rc == 0 && tag && !end)
            rc = unknown_tag(tag, strnlen(tag, strlen(TAG_START)), err); /* no end: only what is certainly ASCII */
        if (rc < 0 || !tag)
            break;
        rc = tag_take(tag, (size_t)(end - tag) + 1, &rehearsal, err);
        text = end + 1;
        if (!out.size || out.data[out.size - 1] == ' ')
            while (*text == ' ')
                text++;
        if (!*text)
            while (out.size && out.data[out.size - 1] == ' ')
                out.data[--out.size] = 0;
    }
    if (rc == 0) {
        *ret = rehearsal;
        buf_finish(ret_text);
        *ret_text = out;
        return 0;
    }
    buf_finish(&out);
    return rc;
}
