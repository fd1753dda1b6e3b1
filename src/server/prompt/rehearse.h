/* Words in a prompt that make the sandbox fail on purpose, as test card numbers do: "a fox [sandbox:rate_limit]".
 *
 * Only the sandbox reads them; for any other model they are ordinary text. One failure a prompt, with or without
 * [sandbox:slow] or [sandbox:slow=SECONDS] beside it. They are read in any case. */
#ifndef SERVER_PROMPT_REHEARSE_H
#define SERVER_PROMPT_REHEARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "conch/error.h"
#include "server/job/job.h"

enum rehearse_kind {
    REHEARSE_NONE,
    REHEARSE_CONTENT_POLICY,
    REHEARSE_OUTPUT_POLICY,
    REHEARSE_BALANCE,
    REHEARSE_RATE_LIMIT,
    REHEARSE_INVALID,
    REHEARSE_TIMEOUT,
    REHEARSE_LOST_ANSWER,
    REHEARSE_WORKER_CRASH,
    REHEARSE_INTERNAL,
    REHEARSE_SLOW
};

/* When it strikes. */
enum rehearse_when {
    REHEARSE_AT_SUBMIT, /* the request is refused; there is no job */
    REHEARSE_IN_JOB,    /* the request is accepted and the job ends so */
    REHEARSE_AT_END     /* as IN_JOB, when the clip would have been finished */
};

enum { REHEARSE_SLOW_SECONDS = 30, REHEARSE_SLOW_SECONDS_MAX = 600 };

struct rehearse_row {
    const char *tag; /* "[sandbox:rate_limit]" */
    enum rehearse_kind kind;
    enum rehearse_when when;
    enum job_error error; /* what the job or the answer says; JOB_ERROR_NONE for slow */
    const char *meaning;  /* a sentence for people */
};

/* What a prompt asks for; zero is nothing. */
struct rehearsal {
    enum rehearse_kind kind; /* the failure; never REHEARSE_SLOW */
    enum rehearse_when when;
    enum job_error error;
    int slow_seconds; /* how much longer the job takes; 0: as long as always */
};

/* The list, for documentation and the API; *ret_count rows. */
const struct rehearse_row *rehearse_rows(size_t *ret_count);

/* Takes the words out of a prompt; ret_text (initialised by the caller) is replaced by the rest, which has the bytes of
 * text when there are none. CONCH_ERR_RANGE for a word after [sandbox: that is not in the list, seconds outside
 * 1..REHEARSE_SLOW_SECONDS_MAX or two failures; the text lists what is allowed. CONCH_ERR_LIMIT, CONCH_ERR_NOMEM. */
int rehearse_parse(const char *text, struct rehearsal *ret, struct buf *ret_text, conch_error *err);

#endif
