#include "server/http/headers.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- the key ---- */

static const char *after_scheme(const char *value)
{
    static const char *const schemes[] = {"Bearer ", "Key "};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strncasecmp(value, schemes[i], strlen(schemes[i])) == 0)
            return value + strlen(schemes[i]);
    return NULL;
}

static bool token_copy(const char *value, char ret[HEADERS_TOKEN_BYTES])
{
    value += strspn(value, " \t");
    size_t size = strlen(value);
    while (size && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    if (!size || size >= HEADERS_TOKEN_BYTES)
        return false;
    memcpy(ret, value, size);
    ret[size] = 0;
    return true;
}

bool headers_token(const struct http_request *request, char ret[HEADERS_TOKEN_BYTES])
{
    const char *value = http_header(request, "Authorization");
    const char *token = value ? after_scheme(value + strspn(value, " \t")) : NULL;
    if (token)
        return token_copy(token, ret);
    value = http_header(request, "x-api-key");
    if (!value)
        value = http_header(request, "api-key"); /* as Azure's clients call it */
    return value && token_copy(value, ret);
}

/* ---- other origins ---- */

/* What Access-Control-Allow-Origin says; NULL: this origin may not. */
static const char *allowed_origin(const struct config *config, const struct http_request *request)
{
    const char *origin = http_header(request, "Origin");
    for (size_t i = 0; origin && i < config->server.cors_origins.count; i++) {
        const char *item = config->server.cors_origins.items[i];
        if (strcmp(item, "*") == 0)
            return "*";
        if (strcasecmp(item, origin) == 0)
            return origin;
    }
    return NULL;
}

bool headers_is_preflight(const struct http_request *request)
{
    return request->method == HTTP_OPTIONS && http_header(request, "Origin") &&
           http_header(request, "Access-Control-Request-Method");
}

static void set_once(struct http_response *response, const char *name, const char *value)
{
    if (!http_response_field(response, name))
        http_response_header(response, name, value, NULL); /* without memory the answer goes out without it */
}

void headers_preflight(const struct config *config, const struct http_request *request, const char *allow,
                       struct http_response *response)
{
    response->status = 204;
    if (!allowed_origin(config, request))
        return;
    set_once(response, "Access-Control-Allow-Methods", allow);
    set_once(response, "Access-Control-Allow-Headers",
             "Authorization, Content-Type, X-Api-Key, Idempotency-Key, Last-Event-ID, Range, If-None-Match, If-Range");
    set_once(response, "Access-Control-Max-Age", "600");
}

static void set_origin(const struct config *config, const struct http_request *request, struct http_response *response)
{
    const char *origin = config->server.cors_origins.count ? allowed_origin(config, request) : NULL;
    if (!origin)
        return;
    set_once(response, "Access-Control-Allow-Origin", origin);
    set_once(response, "Access-Control-Expose-Headers",
             "X-Request-Id, Retry-After, ETag, Location, Content-Range, Content-Disposition, Idempotent-Replayed, "
             "Trace-Id");
    if (*origin != '*')
        set_once(response, "Vary", "Origin");
}

void headers_finish(const struct config *config, const struct http_request *request, bool anywhere,
                    struct http_response *response)
{
    set_once(response, "X-Request-Id", request->id);
    set_once(response, "X-Content-Type-Options", "nosniff");
    set_once(response, "Cache-Control", "no-store");
    set_once(response, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox");
    set_once(response, "Referrer-Policy", "no-referrer");
    set_once(response, "Cross-Origin-Resource-Policy", anywhere ? "cross-origin" : "same-origin");
    if (http_header(request, "Origin"))
        set_origin(config, request, response);
}
