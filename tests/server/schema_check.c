#include "schema_check.h"

#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct where {
    const struct where *above;
    const char *key;
    size_t index;
};

static void path_write(const struct where *where, char *ret, size_t size)
{
    if (!where) {
        snprintf(ret, size, "$");
        return;
    }
    path_write(where->above, ret, size);
    size_t used = strlen(ret);
    if (where->key)
        snprintf(ret + used, size - used, ".%s", where->key);
    else
        snprintf(ret + used, size - used, "[%zu]", where->index);
}

__attribute__((format(printf, 3, 4))) static bool fault(struct schema_check *check, const struct where *where,
                                                        const char *format, ...)
{
    va_list arguments;
    path_write(where, check->fault, sizeof check->fault / 2);
    size_t used = strlen(check->fault);
    used += (size_t)snprintf(check->fault + used, sizeof check->fault - used, ": ");
    va_start(arguments, format);
    vsnprintf(check->fault + used, sizeof check->fault - used, format, arguments);
    va_end(arguments);
    return false;
}

const json_t *schema_ref(const json_t *document, const char *ref)
{
    char key[256];
    if (*ref++ != '#')
        return NULL;
    while (document && *ref == '/') {
        size_t size = 0;
        for (ref++; *ref && *ref != '/' && size < sizeof key - 1; ref++)
            if (ref[0] == '~' && ref[1] == '1') {
                key[size++] = '/';
                ref++;
            } else {
                key[size++] = *ref;
            }
        key[size] = 0;
        document = json_object_get(document, key);
    }
    return document;
}

static bool is_type(const char *type, const json_t *value)
{
    if (strcmp(type, "object") == 0)
        return json_is_object(value);
    if (strcmp(type, "array") == 0)
        return json_is_array(value);
    if (strcmp(type, "string") == 0)
        return json_is_string(value);
    if (strcmp(type, "integer") == 0)
        return json_is_integer(value);
    if (strcmp(type, "number") == 0)
        return json_is_number(value);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    return strcmp(type, "null") == 0 && json_is_null(value);
}

static bool types_hold(const json_t *type, const json_t *value)
{
    size_t index;
    json_t *one;
    if (!type)
        return true;
    if (json_is_string(type))
        return is_type(json_string_value(type), value);
    json_array_foreach((json_t *)type, index, one) if (is_type(json_string_value(one), value)) return true;
    return false;
}

static bool is_among(const json_t *list, const json_t *value)
{
    size_t index;
    json_t *one;
    json_array_foreach((json_t *)list, index, one) if (json_equal(one, value)) return true;
    return false;
}

static bool check_at(struct schema_check *check, const json_t *schema, const json_t *value, const struct where *where);

static bool object_holds(struct schema_check *check, const json_t *schema, const json_t *value,
                         const struct where *where)
{
    const json_t *properties = json_object_get(schema, "properties"), *more;
    size_t index;
    const char *key;
    json_t *one;
    json_array_foreach(json_object_get(schema, "required"), index, one)
    {
        if (!json_object_get(value, json_string_value(one)))
            return fault(check, where, "%s is missing", json_string_value(one));
    }
    more = json_object_get(schema, "additionalProperties");
    json_object_foreach((json_t *)value, key, one)
    {
        const struct where here = {where, key, 0};
        const json_t *property = json_object_get(properties, key);
        if (!property && json_is_object(more))
            property = more;
        if (!property && (json_is_false(more) || (check->closed && properties)))
            return fault(check, &here, "is not described");
        if (property && !check_at(check, property, one, &here))
            return false;
    }
    return true;
}

static bool text_holds(struct schema_check *check, const json_t *schema, const json_t *value, const struct where *where)
{
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    const char *format = json_string_value(json_object_get(schema, "format"));
    const char *text = json_string_value(value);
    regex_t regex;
    if (format && strcmp(format, "date-time") == 0)
        pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?Z$";
    if (format && strcmp(format, "date") == 0)
        pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
    if (format && strcmp(format, "uri") == 0)
        pattern = "^https?://[^ ]+$";
    if (!pattern)
        return true;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return fault(check, where, "the pattern %s cannot be used", pattern);
    bool holds = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return holds || fault(check, where, "'%.80s' does not fit %s", text, pattern);
}

static bool number_holds(struct schema_check *check, const json_t *schema, const json_t *value,
                         const struct where *where)
{
    const json_t *min = json_object_get(schema, "minimum"), *max = json_object_get(schema, "maximum");
    double number = json_number_value(value);
    if ((min && number < json_number_value(min)) || (max && number > json_number_value(max)))
        return fault(check, where, "%g is out of range", number);
    return true;
}

static bool choices_hold(struct schema_check *check, const json_t *choices, const json_t *value,
                         const struct where *where)
{
    size_t index;
    json_t *one;
    char first[sizeof check->fault] = "";
    json_array_foreach((json_t *)choices, index, one)
    {
        if (check_at(check, one, value, where))
            return true;
        if (!*first)
            memcpy(first, check->fault, sizeof first);
    }
    memcpy(check->fault, first, sizeof first);
    return false;
}

static bool items_hold(struct schema_check *check, const json_t *items, const json_t *value, const struct where *where)
{
    size_t index;
    json_t *one;
    json_array_foreach((json_t *)value, index, one)
    {
        const struct where here = {where, NULL, index};
        if (!check_at(check, items, one, &here))
            return false;
    }
    return true;
}

static bool check_at(struct schema_check *check, const json_t *schema, const json_t *value, const struct where *where)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    if (ref) {
        const json_t *target = schema_ref(check->document, ref);
        return target ? check_at(check, target, value, where) : fault(check, where, "%s leads nowhere", ref);
    }
    const json_t *any = json_object_get(schema, "anyOf"), *one = json_object_get(schema, "oneOf");
    if ((any && !choices_hold(check, any, value, where)) || (one && !choices_hold(check, one, value, where)))
        return false;
    if (!types_hold(json_object_get(schema, "type"), value))
        return fault(check, where, "is of another type");
    const json_t *only = json_object_get(schema, "const"), *list = json_object_get(schema, "enum");
    if ((only && !json_equal(only, value)) || (list && !is_among(list, value)))
        return fault(check, where, "'%.80s' is not one of those described",
                     json_is_string(value) ? json_string_value(value) : "...");
    if (json_is_string(value) && !text_holds(check, schema, value, where))
        return false;
    if (json_is_number(value) && !number_holds(check, schema, value, where))
        return false;
    const json_t *items = json_object_get(schema, "items");
    if (json_is_array(value) && items && !items_hold(check, items, value, where))
        return false;
    return !json_is_object(value) || object_holds(check, schema, value, where);
}

bool schema_check(struct schema_check *check, const json_t *schema, const json_t *value)
{
    return check_at(check, schema, value, NULL);
}
