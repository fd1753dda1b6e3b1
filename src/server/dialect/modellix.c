/* The table of Modellix's dialect. */
#include "server/dialect/modellix.h"

#include "base/base.h"

#define GENERATE STORE_SCOPE_GENERATE
#define READ     STORE_SCOPE_READ
#define USAGE    STORE_SCOPE_USAGE
#define JSON     DIALECT_BODY_JSON, DIALECT_SIZE_JSON
#define NONE     DIALECT_BODY_NONE, DIALECT_SIZE_SMALL
#define FORM     DIALECT_BODY_FORM, DIALECT_SIZE_UPLOAD

/* Submit has had three forms, all of them in use: today's, that of the first half of 2026, and the oldest. */
static const struct dialect_route routes[] = {
    {HTTP_POST, "/api/v1/{provider}/{model}", GENERATE, 0, JSON, modellix_submit},
    {HTTP_POST, "/api/v1/{provider}/{model}/async", GENERATE, 0, JSON, modellix_submit},
    {HTTP_POST, "/api/v1/{type}/{provider}/{model}/async", GENERATE, 0, JSON, modellix_submit},
    {HTTP_GET, "/api/v1/tasks/{task_id}", READ, DIALECT_FAST | DIALECT_NO_RATE, NONE, modellix_task},
    {HTTP_GET, "/api/v1/models", READ, 0, NONE, modellix_model_list},
    {HTTP_GET, "/api/v1/apikey/validate", 0, 0, NONE, modellix_key},
    {HTTP_GET, "/api/v1/team/balance", USAGE, 0, NONE, modellix_balance},
    {HTTP_POST, "/api/v1/media/files", GENERATE, 0, FORM, modellix_upload},
};

static const char *const prefixes[] = {"/api/v1/", NULL};

const struct dialect dialect_modellix = {
    .name = "modellix",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .refuse = modellix_refuse,
};
