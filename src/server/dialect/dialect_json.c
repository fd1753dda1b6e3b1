#include "server/dialect/dialect_json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/text.h"
#include "base/time_text.h"

/* ---- parsing ---- */

/* How deep brackets go, strings left out: jansson recurses up to 2048 levels, which a network thread's stack may not
 * have. */
static size_t depth_of(const char *body, size_t size)
{
    size_t depth = 0, deepest = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        char c = body[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest)
                deepest = depth;
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return deepest;
}

static bool only_space(const char *body, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr(" \t\r\n", body[i]) || !body[i])
            return false;
    return true;
}

static void set_value(struct api_problem *problem, const char *value)
{
    size_t size = text_utf8_cut(value, strlen(value), sizeof problem->value - 1);
    memcpy(problem->value, value, size);
    problem->value[size] = 0;
}

static void set_allowed(struct api_problem *problem, const char *allowed)
{
    snprintf(problem->allowed, sizeof problem->allowed, "%s", allowed);
}

int dialect_json_parse(const char *body, size_t size, int64_t depth_max, json_t **ret, struct api_problem *ret_problem)
{
    json_error_t error;
    json_t *json;
    if (only_space(body, size)) {
        json = json_object();
        if (!json)
            return api_refuse(ret_problem, API_INTERNAL, "", "no memory for the request");
        *ret = json;
        return 0;
    }
    if (depth_of(body, size) > (size_t)depth_max) {
        api_refuse(ret_problem, API_INVALID, "body", "the body has more than the allowed %lld levels of JSON",
                   (long long)depth_max);
        snprintf(ret_problem->allowed, sizeof ret_problem->allowed, "%lld levels", (long long)depth_max);
        return -1;
    }
    json = json_loadb(body, size, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        return api_refuse(ret_problem, API_INVALID, "body", "the body is not valid JSON: line %d, column %d: %s",
                          error.line, error.column, error.text);
    if (!json_is_object(json)) {
        json_decref(json);
        return api_refuse(ret_problem, API_INVALID, "body", "the body must be a JSON object: {...}");
    }
    *ret = json;
    return 0;
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a text";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    case JSON_NULL: break;
    }
    return "null";
}

static void value_text(const json_t *value, char *ret, size_t size)
{
    if (json_is_string(value))
        snprintf(ret, size, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(ret, size, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(ret, size, "%.15g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(ret, size, "%s", json_is_true(value) ? "true" : "false");
    else
        snprintf(ret, size, "%s", type_name(value));
}

/* "seconds is 'abc', but must be ..." */
static int refuse_value(struct api_problem *problem, const char *key, const json_t *value, const char *allowed)
{
    char text[sizeof problem->value];
    value_text(value, text, sizeof text);
    text[text_utf8_cut(text, strlen(text), sizeof text - 1)] = 0;
    api_refuse(problem, API_INVALID, key, "%.63s is %s%s%s, but must be %s", key, json_is_string(value) ? "'" : "",
               text, json_is_string(value) ? "'" : "", allowed);
    set_value(problem, text);
    set_allowed(problem, allowed);
    return -1;
}

/* NULL: absent or null. */
static const json_t *given(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return !value || json_is_null(value) ? NULL : value;
}

int dialect_text(const json_t *object, const char *key, const char **ret, struct api_problem *ret_problem)
{
    const json_t *value = given(object, key);
    if (!value)
        return 0;
    if (!json_is_string(value))
        return refuse_value(ret_problem, key, value, "a text");
    *ret = json_string_value(value);
    return 0;
}

int dialect_integer(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *ret,
                    struct api_problem *ret_problem)
{
    const json_t *value = given(object, key);
    int64_t number = 0;
    bool whole = false;
    if (!value)
        return 0;
    if (json_is_integer(value)) {
        number = json_integer_value(value);
        whole = true;
    } else if (json_is_real(value)) {
        double real = json_real_value(value);
        whole = fabs(real) <= 9007199254740992.0 && real == floor(real);
        number = whole ? (int64_t)real : 0;
    }
    if (whole && number >= min && number <= max) {
        *ret = number;
        return 0;
    }
    char allowed[96] = "a whole number";
    if (min > INT32_MIN) /* else its range says nothing to a person */
        snprintf(allowed, sizeof allowed, "a whole number from %lld to %lld", (long long)min, (long long)max);
    return refuse_value(ret_problem, key, value, allowed);
}

int dialect_real(const json_t *object, const char *key, double min, double max, double *ret,
                 struct api_problem *ret_problem)
{
    const json_t *value = given(object, key);
    if (!value)
        return 0;
    double number = json_number_value(value);
    if (json_is_number(value) && number >= min && number <= max) {
        *ret = number;
        return 0;
    }
    char allowed[96];
    snprintf(allowed, sizeof allowed, "a number from %g to %g", min, max);
    return refuse_value(ret_problem, key, value, allowed);
}

int dialect_flag(const json_t *object, const char *key, bool *ret, struct api_problem *ret_problem)
{
    const json_t *value = given(object, key);
    if (!value)
        return 0;
    if (!json_is_boolean(value))
        return refuse_value(ret_problem, key, value, "true or false");
    *ret = json_is_true(value);
    return 0;
}

int dialect_choice(const json_t *object, const char *key, enum api_choice *ret, struct api_problem *ret_problem)
{
    bool flag = false;
    if (!given(object, key))
        return 0;
    if (dialect_flag(object, key, &flag, ret_problem) < 0)
        return -1;
    *ret = flag ? API_ON : API_OFF;
    return 0;
}

int dialect_object(const json_t *object, const char *key, json_t **ret, struct api_problem *ret_problem)
{
    const json_t *value = given(object, key);
    if (!value)
        return 0;
    if (!json_is_object(value))
        return refuse_value(ret_problem, key, value, "an object");
    *ret = (json_t *)value;
    return 0;
}

int dialect_array(const json_t *object, const char *key, size_t count_max, json_t **ret,
                  struct api_problem *ret_problem)
{
    const json_t *value = given(object, key);
    if (!value)
        return 0;
    char allowed[64];
    snprintf(allowed, sizeof allowed, "an array of at most %zu entries", count_max);
    if (!json_is_array(value))
        return refuse_value(ret_problem, key, value, allowed);
    if (json_array_size(value) > count_max) {
        api_refuse(ret_problem, API_INVALID, key, "%s has %zu entries, but must be %s", key, json_array_size(value),
                   allowed);
        snprintf(ret_problem->value, sizeof ret_problem->value, "%zu entries", json_array_size(value));
        set_allowed(ret_problem, allowed);
        return -1;
    }
    *ret = (json_t *)value;
    return 0;
}

static const char id_allowed[] = "the id of something that is here: a decimal number of up to 16 digits";

int dialect_id(const json_t *object, const char *key, int64_t *ret, struct api_problem *ret_problem)
{
    const json_t *value = given(object, key);
    if (!value)
        return 0;
    if (json_is_string(value) && dialect_id_parse(json_string_value(value), ret))
        return 0;
    if (json_is_integer(value) && json_integer_value(value) >= 1 && json_integer_value(value) <= ID_MAX) {
        *ret = json_integer_value(value);
        return 0;
    }
    return refuse_value(ret_problem, key, value, id_allowed);
}

/* ---- unknown names ---- */

static size_t count_names(const char *const *names)
{
    size_t count = 0;
    while (names[count])
        count++;
    return count;
}

static bool is_among(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static int refuse_unknown(struct api_problem *problem, const char *what, const char *name, const char *const *names)
{
    char list[sizeof problem->allowed];
    size_t used = 0;
    const char *near = text_nearest(name, names, count_names(names));
    list[0] = 0;
    for (size_t i = 0; names[i] && used < sizeof list - 70; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    if (near)
        api_refuse(problem, API_INVALID, name, "there is no %s '%.60s': '%s' was probably meant", what, name, near);
    else if (names[0])
        api_refuse(problem, API_INVALID, name, "there is no %s '%.60s': there are %s", what, name, list);
    else
        api_refuse(problem, API_INVALID, name, "there is no %s '%.60s': none is taken here", what, name);
    set_allowed(problem, list);
    return -1;
}

int dialect_known(const json_t *object, const char *const *names, struct api_problem *ret_problem)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key,
                        value) if (!is_among(key, names)) return refuse_unknown(ret_problem, "field", key, names);
    return 0;
}

int dialect_known_queries(const struct http_request *request, const char *const *names, struct api_problem *ret_problem)
{
    for (size_t i = 0; i < request->query_count; i++)
        if (!is_among(request->queries[i].name, names))
            return refuse_unknown(ret_problem, "query parameter", request->queries[i].name, names);
    return 0;
}

int dialect_known_parts(const struct http_request *request, const char *const *names, struct api_problem *ret_problem)
{
    for (size_t i = 0; i < request->part_count; i++)
        if (!is_among(request->parts[i].name, names))
            return refuse_unknown(ret_problem, "form field", request->parts[i].name, names);
    return 0;
}

/* ---- texts ---- */

bool dialect_id_parse(const char *text, int64_t *ret_id)
{
    int64_t id = 0;
    size_t size = text ? strlen(text) : 0;
    if (size < 1 || size > DIALECT_ID_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        id = id * 10 + (text[i] - '0');
    }
    if (id < 1 || id > ID_MAX)
        return false;
    *ret_id = id;
    return true;
}

static int refuse_text(struct api_problem *problem, const char *key, const char *value, const char *allowed)
{
    api_refuse(problem, API_INVALID, key, "%s is '%.79s', but must be %s", key, value, allowed);
    set_value(problem, value);
    set_allowed(problem, allowed);
    return -1;
}

static const char *query_given(const struct http_request *request, const char *name)
{
    const char *value = http_query(request, name);
    return value && *value ? value : NULL;
}

int dialect_query_integer(const struct http_request *request, const char *name, int64_t min, int64_t max, int64_t *ret,
                          struct api_problem *ret_problem)
{
    const char *value = query_given(request, name);
    char allowed[96];
    if (!value || text_integer(value, min, max, ret))
        return 0;
    snprintf(allowed, sizeof allowed, "a whole number from %lld to %lld", (long long)min, (long long)max);
    return refuse_text(ret_problem, name, value, allowed);
}

int dialect_query_id(const struct http_request *request, const char *name, int64_t *ret,
                     struct api_problem *ret_problem)
{
    const char *value = query_given(request, name);
    if (!value || dialect_id_parse(value, ret))
        return 0;
    return refuse_text(ret_problem, name, value, id_allowed);
}

int dialect_query_flag(const struct http_request *request, const char *name, bool *ret, struct api_problem *ret_problem)
{
    const char *value = query_given(request, name);
    if (!value)
        return 0;
    bool yes = strcmp(value, "1") == 0 || strcmp(value, "true") == 0;
    if (!yes && strcmp(value, "0") != 0 && strcmp(value, "false") != 0)
        return refuse_text(ret_problem, name, value, "1, 0, true or false");
    *ret = yes;
    return 0;
}

int dialect_query_time(const struct http_request *request, const char *name, int64_t *ret_ms,
                       struct api_problem *ret_problem)
{
    const char *value = query_given(request, name);
    int64_t seconds;
    if (!value)
        return 0;
    if (text_integer(value, 0, TIME_TEXT_MS_MAX / 1000, &seconds)) {
        *ret_ms = seconds * 1000;
        return 0;
    }
    if (time_text_parse(value, ret_ms, NULL) == 0)
        return 0;
    return refuse_text(ret_problem, name, value, "a moment: 2026-11-22T08:15:00Z, 2026-11-22 or Unix seconds");
}

const char *dialect_part_text(const struct http_request *request, const char *name)
{
    const struct http_part *part = http_part(request, name);
    return part && !part->filename && part->data ? part->data : NULL;
}
