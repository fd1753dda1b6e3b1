/* What the files of the native interface (native_*.c) share. docs/api/openapi.json describes the interface. */
#ifndef SERVER_DIALECT_NATIVE_H
#define SERVER_DIALECT_NATIVE_H

#include "server/dialect/dialect.h"
#include "server/dialect/dialect_json.h"

enum { NATIVE_PAGE_DEFAULT = 50, NATIVE_SCOPE_BYTES = 96 };

/* ---- what is shown ---- */

/* How objects are written: with links at this origin, times counted from now. */
struct native_view {
    struct api *api;
    const char *origin;
    int64_t now_ms;
};
struct native_view native_view(const struct dialect_call *call);

void native_job(struct out *out, const char *key, const struct native_view *view, const struct api_job *job);
void native_media(struct out *out, const char *key, const struct native_view *view, const struct store_file *file);
void native_file(struct out *out, const char *key, const struct native_view *view, const struct store_file *file);
/* From content_type to duration_seconds: what the two above have in common. */
void native_file_facts(struct out *out, const struct store_file *file);
void native_key(struct out *out, const char *key, const struct store_key *row, const char *secret, bool with_secret);
void native_lot(struct out *out, const char *key, const struct ledger_lot *lot);
void native_event(struct out *out, const struct store_event *event);

const char *native_unit(enum ledger_unit unit);                        /* "microusd" */
void native_positive(struct out *out, const char *key, int64_t value); /* 0 and below: null */

/* ---- what is asked ---- */

/* limit, before, after. */
int native_page(struct dialect_call *call, struct store_page *ret);
/* account_id: 0 when it is not there. */
int native_account_id(struct dialect_call *call, int64_t *ret_id);

/* Room for one row more than the page shows, which tells whether there is a next page; page->count is set to it.
 * Free data. */
struct native_rows {
    void *data;
    size_t limit; /* to be shown */
};
int native_rows(struct dialect_call *call, struct store_page *page, size_t row_bytes, struct native_rows *ret);

/* Nothing may keep this answer. */
int native_no_store(struct dialect_call *call);

/* A list's frame: begin writes up to "data":[, end the rest. last_id: of the last row, for the next page. */
void native_list_begin(struct out *out);
struct native_list_end {
    bool more;
    int64_t last_id;
    bool with_total;
    int64_t total; /* -1: null */
};
void native_list_end(struct out *out, const struct native_list_end *end);

/* dialect_once with the scope "POST /path/of/this/request". */
struct native_once {
    struct api_once once;
    struct dialect_digest digest;
    char scope[NATIVE_SCOPE_BYTES];
};
typedef int native_render(void *call, const void *result, int *ret_status, struct buf *ret_body, conch_error *err);
int native_once(struct dialect_call *call, native_render *render, struct native_once *ret);

/* For verbs without an api_once. begin: 1 when a kept answer is to be given, 0 to go on (then api_once_end), -1. end
 * takes what the last step returned, makes the answer of it and finishes once. */
int native_repeatable(struct dialect_call *call, native_render *render, struct native_once *ret);
int native_repeatable_end(struct dialect_call *call, struct native_once *once, int rc);

/* Answers with a job, as 200. */
int native_answer_job(struct dialect_call *call, const struct api_job *job);
int native_render_job(void *call, const void *job, int *ret_status, struct buf *ret_body, conch_error *err);

/* ---- a job to be made ---- */

struct native_submit {
    struct api_submit submit;
    struct api_media media[STORE_INPUTS_MAX];
    char fields[STORE_INPUTS_MAX][32]; /* "references[3]" */
    json_t *owned;                     /* fields of a form as JSON */
};
/* From JSON or form. Finish it in either case. */
int native_submit_read(struct dialect_call *call, struct native_submit *ret);
void native_submit_finish(struct native_submit *submit);

/* ---- handlers ---- */

dialect_handler native_job_create, native_job_list, native_job_get, native_job_delete, native_job_cancel,
    native_job_restore, native_job_review, native_job_give_up, native_job_events, native_events, native_job_preview,
    native_job_content, native_job_poster, native_estimate;
dialect_handler native_model_list, native_model_get, native_model_by_name;
dialect_handler native_file_create, native_file_list, native_file_get, native_file_content, native_file_delete,
    native_file_link, native_link_open;
dialect_handler native_account, native_statement, native_usage, native_webhook_secret;
dialect_handler native_key_list, native_key_create, native_key_revoke;
dialect_handler native_account_list, native_account_create, native_grant, native_worker_list;
dialect_handler native_openapi, native_healthz, native_readyz;

/* Which of two forms an answer is to have: ?format= names one, otherwise Accept beginning with `type` asks for the
 * first. *ret_first: it is the first. API_INVALID for another name. */
int native_format(struct dialect_call *call, const char *type, const char *const names[2], bool *ret_first);

#endif
