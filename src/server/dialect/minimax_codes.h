/* MiniMax's error codes: which one a refusal of the API or the end of a job gets, and what goes with it in each
 * generation. Both generations share the numbers; how an error is written is theirs (minimax1.c, minimax2.c).
 *
 * Of the documented codes these are never sent, as nothing here fits them: 1013 (1033 says it), 1028 and 1030 (2056
 * does), 1039 counts tokens, 2038 is about a person's papers, 2045 is about a rate that grows too fast, and 2049 is
 * said as 1004, since that is what the official clients know as "your key is wrong". */
#ifndef SERVER_DIALECT_MINIMAX_CODES_H
#define SERVER_DIALECT_MINIMAX_CODES_H

#include "server/api/api.h"

struct minimax_code {
    int code;          /* base_resp.status_code; in v2 the number at the end of the message */
    const char *words; /* what messages begin with: "invalid params" */
    int status;        /* HTTP, v2 alone; v1 answers 200 */
    const char *type;  /* v2: "bad_request_error" */
};

/* Of a refusal. API_OK is not one (asserted). */
const struct minimax_code *minimax_code_of_problem(const struct api_problem *problem);

/* Of a job that ended without a clip: failed, blocked or cancelled. */
const struct minimax_code *minimax_code_of_job(const struct job *job);

#endif
