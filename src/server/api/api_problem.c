#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/log.h"
#include "base/text.h"
#include "server/api/api_state.h"

static const struct {
    const char *name;
    int status;
} kinds[] = {
    [API_OK] = {"ok", 200},
    [API_INVALID] = {"invalid", 400},
    [API_INVISIBLE] = {"invisible", 400},
    [API_UNAUTHORIZED] = {"unauthorized", 401},
    [API_FORBIDDEN] = {"forbidden", 403},
    [API_NOT_FOUND] = {"not_found", 404},
    [API_CONFLICT] = {"conflict", 409},
    [API_REUSED_KEY] = {"reused_key", 409},
    [API_TOO_LARGE] = {"too_large", 413},
    [API_BALANCE] = {"balance", 402},
    [API_BUDGET] = {"budget", 402},
    [API_RATE_LIMIT] = {"rate_limit", 429},
    [API_QUEUE_FULL] = {"queue_full", 429},
    [API_CONTENT_POLICY] = {"content_policy", 422},
    [API_UNAVAILABLE_HERE] = {"unavailable_here", 501},
    [API_FETCH] = {"fetch", 400},
    [API_BUSY] = {"busy", 503},
    [API_TIMEOUT] = {"timeout", 504},
    [API_INTERNAL] = {"internal", 500},
};
_Static_assert(ARRAY_LEN(kinds) == API_INTERNAL + 1, "a row for each kind");

const char *api_kind_name(enum api_kind kind)
{
    return (unsigned)kind < ARRAY_LEN(kinds) ? kinds[kind].name : "internal";
}

int api_kind_status(enum api_kind kind)
{
    return (unsigned)kind < ARRAY_LEN(kinds) ? kinds[kind].status : 500;
}

/* Fits a text of a client into a field: cut at a whole character, control characters and what is no UTF-8 become '?'.
 */
static void copy(char *to, size_t capacity, const char *from)
{
    const size_t length = strlen(from), size = text_utf8_cut(from, length, capacity - 1);
    for (size_t i = 0; i < size;) {
        const size_t step = text_utf8_next(from + i, size - i, NULL);
        if (step == 0 || (unsigned char)from[i] < 0x20 || from[i] == 0x7f)
            to[i++] = '?';
        else
            for (size_t end = i + step; i < end; i++)
                to[i] = from[i];
    }
    to[size] = 0;
}

static void text_cut(char *text, size_t capacity, int wanted)
{
    if (wanted >= 0 && (size_t)wanted >= capacity)
        text[text_utf8_cut(text, strlen(text), capacity - 1)] = 0;
}

int api_refuse(struct api_problem *problem, enum api_kind kind, const char *field, const char *format, ...)
{
    va_list args;
    *problem = (struct api_problem){.kind = kind};
    copy(problem->field, sizeof problem->field, field ? field : "");
    va_start(args, format);
    text_cut(problem->text, sizeof problem->text, vsnprintf(problem->text, sizeof problem->text, format, args));
    va_end(args);
    return -1;
}

int api_refuse_value(struct api_problem *problem, const char *field, const char *value, const char *format, ...)
{
    va_list args;
    *problem = (struct api_problem){.kind = API_INVALID};
    copy(problem->field, sizeof problem->field, field);
    copy(problem->value, sizeof problem->value, value ? value : "");
    va_start(args, format);
    text_cut(problem->allowed, sizeof problem->allowed,
             vsnprintf(problem->allowed, sizeof problem->allowed, format, args));
    va_end(args);
    if (problem->value[0])
        snprintf(problem->text, sizeof problem->text, "%s '%s' is not allowed; allowed: %s", problem->field,
                 problem->value, problem->allowed);
    else
        snprintf(problem->text, sizeof problem->text, "%s is missing or not allowed; allowed: %s", problem->field,
                 problem->allowed);
    return -1;
}

int api_refuse_catalog(struct api_problem *problem, const struct catalog_refusal *refusal)
{
    *problem = (struct api_problem){.kind = API_INVALID};
    snprintf(problem->field, sizeof problem->field, "%s", refusal->field);
    snprintf(problem->value, sizeof problem->value, "%s", refusal->value);
    snprintf(problem->allowed, sizeof problem->allowed, "%s", refusal->allowed);
    snprintf(problem->text, sizeof problem->text, "%s", refusal->text);
    return -1;
}

/* Errors whose text may be shown as it stands, and what they are to a client. */
static enum api_kind kind_of(int rc)
{
    switch (rc) {
    case LEDGER_ERR_BALANCE: return API_BALANCE;
    case STORE_ERR_BUDGET: return API_BUDGET;
    case JOB_ERR_STALE:
    case STORE_ERR_CONFLICT:
    case LEDGER_ERR_RESOLVED: return API_CONFLICT;
    case CONCH_ERR_NOTFOUND: return API_NOT_FOUND;
    case CONCH_ERR_UNSUPPORTED: return API_CONFLICT;
    case CONCH_ERR_RANGE: return API_INVALID;
    case CONCH_ERR_NOMEM:
    case CONCH_ERR_LIMIT:
    case CONCH_ERR_DISKFULL: return API_BUSY;
    default: return API_INTERNAL;
    }
}

int api_refuse_error(struct api_problem *problem, int rc, const conch_error *err)
{
    if (rc == API_ERR_REFUSED)
        return -1;
    const enum api_kind kind = kind_of(rc);
    if (kind == API_INTERNAL || rc == CONCH_ERR_DISKFULL || rc == CONCH_ERR_NOMEM)
        log_error("a request failed", log_error_text(err), log_number("code", rc));
    else if (kind == API_BUSY) /* under a flood there are many of these, and the access log has each */
        log_debug("a request was put off", log_error_text(err));
    if (kind == API_INTERNAL)
        return api_refuse(problem, kind, "", "the server failed at this; its log says why");
    if (kind != API_BUSY)
        return api_refuse(problem, kind, "", "%s", err->text);
    api_refuse(problem, kind, "", "%s",
               rc == CONCH_ERR_DISKFULL ? "the server's disk is full"
               : rc == CONCH_ERR_NOMEM  ? "the server has not enough memory at the moment"
                                        : "the server has too much to do at the moment");
    problem->retry_after_s = rc == CONCH_ERR_DISKFULL ? 60 : 1;
    return -1;
}

int api_refuse_missing(struct api_problem *problem, int rc, const conch_error *err, const char *what, int64_t id)
{
    if (rc == CONCH_ERR_NOTFOUND)
        return api_refuse(problem, API_NOT_FOUND, "", "there is no %s %lld", what, (long long)id);
    return api_refuse_error(problem, rc, err);
}
