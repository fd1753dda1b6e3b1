#include "server/dialect/dialect.h"

#include <assert.h>
#include <string.h>

#include "server/dialect/dialect_json.h"

const struct dialect *const dialect_all[] = {&dialect_conch,    &dialect_fal,       &dialect_mcp,
                                             &dialect_minimax1, &dialect_minimax2,  &dialect_modellix,
                                             &dialect_openai,   &dialect_replicate, NULL};

const struct dialect *dialect_of_callback(const char *style)
{
    for (size_t i = 0; style && dialect_all[i]; i++)
        for (const char *const *name = dialect_all[i]->callback_styles; name && *name; name++)
            if (strcmp(*name, style) == 0)
                return dialect_all[i];
    return NULL;
}

const char *dialect_parameter(const struct dialect_call *call, const char *name)
{
    for (size_t i = 0; i < call->parameter_count; i++)
        if (strcmp(call->parameters[i].name, name) == 0)
            return call->parameters[i].value;
    assert(!"the route has no such parameter");
    return "";
}

const char *dialect_job_reason(const struct api_job *job)
{
    if (job->row.error_text && job->row.error_text[0])
        return job->row.error_text;
    if (job->row.job.state == JOB_CANCELLED)
        return "the request was cancelled";
    return job_error_rule(job->row.job.error)->name;
}

int dialect_parameter_id(struct dialect_call *call, const char *name, int64_t *ret_id)
{
    const char *value = dialect_parameter(call, name);
    if (dialect_id_parse(value, ret_id))
        return 0;
    api_refuse(&call->problem, API_NOT_FOUND, name, "there is nothing with the %s '%.40s': ids are decimal numbers",
               name, value);
    return -1;
}
