/* A refusal in the words of the second generation. */
#include "server/dialect/dialect_rename.h"
#include "server/dialect/minimax2.h"
#include "server/dialect/minimax_codes.h"

/* What the catalog calls otherwise. */
static const struct dialect_name names[] = {{"seconds", "duration"}, {"prompt", "content text"}, {NULL, NULL}};

/* HTTP codes of the layer (405, 408, ...) stay, and so do those of what is not there and what is too large. */
static int status_of(const struct dialect_refusal *refusal, const struct minimax_code *code)
{
    const enum api_kind kind = refusal->problem->kind;
    if (refusal->status != api_kind_status(kind) || kind == API_NOT_FOUND || kind == API_TOO_LARGE)
        return refusal->status;
    return code->status;
}

void minimax2_refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                     const struct http_request *request, struct http_response *response)
{
    struct api_problem problem = *refusal->problem;
    const struct minimax_code *code = minimax_code_of_problem(&problem);
    const int status = status_of(refusal, code);
    struct buf body;
    struct out out;
    buf_init(&body, 16 << 10);
    dialect_rename(&problem, names);
    out_init(&out, &body, NULL);
    out_object(&out, NULL);
    out_text(&out, "type", "error");
    out_object(&out, "error");
    out_text(&out, "type", code->type);
    out_format(&out, "message", "%s (%d)", minimax_problem_text(&problem).text, code->code);
    out_format(&out, "http_code", "%d", status);
    out_object_end(&out);
    out_text(&out, "request_id", request->id);
    out_object_end(&out);
    if (out_finish(&out) == 0)
        http_response_text(response, status, "application/json", body.data, NULL);
    buf_finish(&body);
}
