/* A refusal in the words of the first generation. */
#include "server/dialect/dialect_rename.h"
#include "server/dialect/minimax1.h"
#include "server/dialect/minimax_codes.h"
#include "server/dialect/minimax_job.h"

/* What the catalog calls otherwise. */
static const struct dialect_name names[] = {
    {"seconds", "duration"},
    {"first_frame", "first_frame_image"},
    {"last_frame", "last_frame_image"},
    {"subjects", "subject_reference"},
    {NULL, NULL},
};

/* Always HTTP 200: the official clients take every other status for trouble on the way and show the raw body. */
void minimax1_refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                     const struct http_request *request, struct http_response *response)
{
    struct api_problem problem = *refusal->problem;
    struct buf body;
    struct out out;
    buf_init(&body, 16 << 10);
    dialect_rename(&problem, names);
    out_init(&out, &body, NULL);
    out_object(&out, NULL);
    minimax1_base_resp(&out, minimax_code_of_problem(&problem)->code, minimax_problem_text(&problem).text);
    out_object_end(&out);
    if (out_finish(&out) == 0)
        http_response_text(response, 200, "application/json", body.data, NULL);
    buf_finish(&body);
}
