#include "server/backend/backend.h"

#include <stdlib.h>

void backend_result_finish(struct backend_result *result)
{
    free(result->text);
    free(result->poster);
    json_decref(result->facts);
    *result = (struct backend_result){.error = JOB_ERROR_NONE};
}

enum job_error backend_error_of(int code)
{
    switch (code) {
    case CONCH_ERR_NOMEM:
    case CONCH_ERR_NOTFOUND: /* a model that is not on this machine: another worker may have it */
    case CONCH_ERR_LIMIT: return JOB_ERROR_CAPACITY;
    case CONCH_ERR_RANGE:
    case CONCH_ERR_UNSUPPORTED:
    case CONCH_ERR_MEDIA: return JOB_ERROR_INVALID_INPUT;
    case CONCH_ERR_DISKFULL:
    case CONCH_ERR_IO: return JOB_ERROR_STORAGE;
    default: return JOB_ERROR_INTERNAL;
    }
}

int backend_run(struct backend *backend, const struct backend_job *job, const struct backend_sink *sink,
                struct backend_result *ret, conch_error *err)
{
    int rc = sink->stopped(sink->context) ? conch_error_set(err, CONCH_ERR_CANCELLED, "the job was stopped")
                                          : backend->table->run(backend, job, sink, ret, err);
    if (rc < 0 && ret->error == JOB_ERROR_NONE)
        ret->error = backend_error_of(rc);
    return rc;
}

void backend_close(struct backend *backend)
{
    if (backend)
        backend->table->close(backend);
}
