/* The table of the OpenAI Videos dialect. The same addresses stand under /openai, where Azure's clients look. */
#include "server/dialect/openai.h"
#include "base/base.h"
#include "server/dialect/dialect_webhook.h"

#define GENERATE STORE_SCOPE_GENERATE
#define READ     STORE_SCOPE_READ
#define NONE     DIALECT_BODY_NONE, DIALECT_SIZE_SMALL
#define BOTH     DIALECT_BODY_BOTH, DIALECT_SIZE_JSON
#define POLLED   (DIALECT_FAST | DIALECT_NO_RATE)

#define ROUTES(base)                                                                                                   \
    {HTTP_POST, base "/videos", GENERATE, 0, BOTH, openai_create},                                                     \
        {HTTP_GET, base "/videos", READ, 0, NONE, openai_list},                                                        \
        {HTTP_POST, base "/videos/sync", GENERATE, 0, BOTH, openai_sync},                                              \
        {HTTP_POST, base "/videos/edits", GENERATE, 0, BOTH, openai_edit},                                             \
        {HTTP_POST, base "/videos/extensions", GENERATE, 0, BOTH, openai_extend},                                      \
        {HTTP_POST, base "/videos/characters", GENERATE, 0, BOTH, openai_character_create},                            \
        {HTTP_GET, base "/videos/characters/{character_id}", READ, 0, NONE, openai_character_get},                     \
        {HTTP_GET, base "/videos/{video_id}", READ, POLLED, NONE, openai_get},                                         \
        {HTTP_DELETE, base "/videos/{video_id}", GENERATE, 0, NONE, openai_delete},                                    \
        {HTTP_GET, base "/videos/{video_id}/content", READ, DIALECT_NO_RATE, NONE, openai_content},                    \
        {HTTP_POST, base "/videos/{video_id}/remix", GENERATE, 0, BOTH, openai_remix},                                 \
        {HTTP_GET, base "/models", READ, 0, NONE, openai_model_list},                                                  \
    {                                                                                                                  \
        HTTP_GET, base "/models/{model}", READ, 0, NONE, openai_model_get                                              \
    }

static const struct dialect_route routes[] = {
    ROUTES("/v1"),
    ROUTES("/openai/v1"),
    {HTTP_POST, "/video", GENERATE, 0, BOTH, openai_localai},
};

static const char *const prefixes[] = {"/v1/videos", "/v1/models", "/openai/", "/video", NULL};
static const char *const callback_styles[] = {"openai", NULL};

const struct dialect dialect_openai = {
    .name = "openai",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .refuse = openai_refuse,
    .callback_styles = callback_styles,
    .callback_body = openai_callback_body,
    .callback_sign = dialect_webhook_sign,
};
