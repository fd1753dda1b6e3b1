#include "base/json.h"

#include "base/buf.h"
#include "base/file.h"

int json_file_read(json_t **ret, const char *path, conch_error *err)
{
    struct buf text;
    buf_init(&text, JSON_FILE_BYTES_MAX);
    int rc = file_read(&text, path, err);
    if (rc == 0) {
        json_error_t problem;
        *ret = json_loadb(text.data ? text.data : "", text.size, JSON_REJECT_DUPLICATES, &problem);
        if (!*ret)
            rc = conch_error_set(err, CONCH_ERR_FORMAT, "%s: line %d, column %d: %s", path, problem.line,
                                 problem.column, problem.text);
    }
    buf_finish(&text);
    return rc;
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "text";
    case JSON_INTEGER: return "a whole number";
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    case JSON_NULL: break;
    }
    return "null";
}

static int wrong_type(const json_t *value, const char *key, const char *wanted, const struct json_place *place,
                      conch_error *err)
{
    if (!value)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %s%s is missing (wanted %s)", place->document, place->prefix,
                               key, wanted);
    return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %s%s is %s, wanted %s", place->document, place->prefix, key,
                           type_name(value), wanted);
}

int json_field_size(const json_t *object, const char *key, size_t min, size_t max, size_t *ret,
                    const struct json_place *place, conch_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        return wrong_type(value, key, "a whole number", place, err);
    json_int_t number = json_integer_value(value);
    if (number < 0 || (size_t)number < min || (size_t)number > max)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %s%s is %lld, allowed are %zu to %zu", place->document,
                               place->prefix, key, (long long)number, min, max);
    *ret = (size_t)number;
    return 0;
}

int json_field_number(const json_t *object, const char *key, double min, double max, double *ret,
                      const struct json_place *place, conch_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        return wrong_type(value, key, "a number", place, err);
    double number = json_number_value(value);
    if (!(number >= min && number <= max))
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %s%s is %g, allowed are %g to %g", place->document,
                               place->prefix, key, number, min, max);
    *ret = number;
    return 0;
}

int json_field_text(const json_t *object, const char *key, const char **ret, const struct json_place *place,
                    conch_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return wrong_type(value, key, "text", place, err);
    *ret = json_string_value(value);
    return 0;
}

int json_field_object(const json_t *object, const char *key, json_t **ret, const struct json_place *place,
                      conch_error *err)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_object(value))
        return wrong_type(value, key, "an object", place, err);
    *ret = value;
    return 0;
}

int json_field_array(const json_t *object, const char *key, size_t count_min, size_t count_max, json_t **ret,
                     const struct json_place *place, conch_error *err)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_array(value))
        return wrong_type(value, key, "a list", place, err);
    if (json_array_size(value) < count_min || json_array_size(value) > count_max)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %s%s has %zu entries, allowed are %zu to %zu",
                               place->document, place->prefix, key, json_array_size(value), count_min, count_max);
    *ret = value;
    return 0;
}
