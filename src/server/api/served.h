/* Which model a name means, and what makes the pixels for it here. One rule for all dialects:
 *   - a name of the operator's [aliases] is served by the model it is aliased to; when the name is a model's of its
 * own, that model's rules still hold for the request (a client of MiniMax-Hailuo-02 sees its resolutions);
 *   - our own models (of the catalog, or in the folder of a worker) are served by the engine: backend "local";
 *   - hosted models are rehearsed by the sandbox, with pixels of engine.default_model, when sandbox.enabled says so;
 *   - anything else is well-formed and not available here. */
#ifndef SERVER_API_SERVED_H
#define SERVER_API_SERVED_H

#include "server/api/api.h"

struct served {
    const struct catalog_model *model; /* whose rules hold for the request */
    const struct catalog_model *maker; /* which makes the pixels; NULL: none */
    char served_by[128], backend[16];
    bool sandbox, available;
    char reason[200];  /* why not available */
    const char *alias; /* the operator's name that was used, of the configuration; NULL: none */
};

/* name NULL or "": engine.default_model. API_INVALID names the candidates; a model that is known and not available is
 * no refusal. */
int served_find(struct api *api, const char *name, struct served *ret, struct api_problem *ret_problem);

/* API_UNAVAILABLE_HERE with the reason, when it is not. */
int served_require(const struct served *served, struct api_problem *ret_problem);

/* Whether a model is ours to run. */
bool served_is_ours(const struct catalog_model *model);

/* Reads what workers publish, when that is older than a second. Errors leave what was known. */
void served_refresh(struct api *api);

#endif
