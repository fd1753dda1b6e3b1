/* How a job looks to MiniMax's clients, as far as both generations agree. */
#ifndef SERVER_DIALECT_MINIMAX_JOB_H
#define SERVER_DIALECT_MINIMAX_JOB_H

#include "server/api/api.h"
#include "server/dialect/dialect_json.h"

enum minimax_phase {
    MINIMAX_QUEUED,
    MINIMAX_PREPARING, /* somebody has it, and has not begun */
    MINIMAX_RUNNING,
    MINIMAX_SUCCEEDED,
    MINIMAX_FAILED, /* blocked too */
    MINIMAX_CANCELLED
};

enum minimax_phase minimax_phase_of_state(enum job_state state);

/* The moment that a callback tells of (store_message.kind): the name of a state or a bucket. When it is neither, or
 * says an end that the job did not come to, the job's own state counts. */
enum minimax_phase minimax_phase_of_kind(const char *kind, const struct job *job);

/* "metadata": what no MiniMax client asks for and every one of them ignores: whether this is a rehearsal, what serves
 * the job, the prompt as the model is given it (with_prompt), progress. */
void minimax_metadata(struct out *out, const struct api_job *job, bool with_prompt);

/* What a job that ended without a clip says: "output sensitive: ..." */
struct minimax_text {
    char text[1024];
};
struct minimax_text minimax_job_text(const struct api_job *job);

/* The same of a refusal: "invalid params, prompt is missing". */
struct minimax_text minimax_problem_text(const struct api_problem *problem);

/* A model of MiniMax's that belongs to the other generation (catalog_model.api is not `api`) is refused with the
 * address that takes it; names that are not MiniMax's pass. name NULL: API_INVALID, model is required. */
int minimax_model_check(const struct catalog *catalog, const char *name, const char *api,
                        struct api_problem *ret_problem);

/* The decimal id of a task or file that a client sent as text; field names it in the refusal. */
int minimax_id_read(const char *text, const char *field, int64_t *ret_id, struct api_problem *ret_problem);

/* API_INVALID instead of API_NOT_FOUND: MiniMax has no code for what is not there. */
int minimax_not_found(struct api_problem *problem, const char *field, int64_t id);

#endif
