#include "server/job/catalog_reader.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { YEAR_MIN = 1970 };

static const char *const confidence_names[] = {"H", "M", "L"};

void catalog_reader_begin(struct catalog_reader *r, const json_t *object, const char *prefix, conch_error *err)
{
    *r = (struct catalog_reader){.object = object, .err = err};
    snprintf(r->prefix, sizeof r->prefix, "%s", prefix);
    r->place = (struct json_place){"catalog", r->prefix};
    if (!json_is_object(object))
        r->rc = conch_error_set(err, CONCH_ERR_FORMAT, "catalog: %.*s is not an object",
                                *prefix ? (int)strlen(prefix) - 1 : (int)sizeof "the document",
                                *prefix ? prefix : "the document");
}

/* Refuses fields that are none of `known` (a list in one text, each followed by a space). */
void catalog_reader_fields_check(struct catalog_reader *r, const char *known)
{
    const char *key;
    json_t *value;
    if (r->rc < 0)
        return;
    json_object_foreach((json_t *)r->object, key, value)
    {
        const size_t size = strlen(key);
        const char *at = known;
        while (*at && (strncmp(at, key, size) != 0 || at[size] != ' '))
            at = strchr(at, ' ') + 1;
        if (*at)
            continue;
        r->rc = conch_error_set(r->err, CONCH_ERR_FORMAT, "catalog: %s%s is no field here; allowed: %.*s", r->prefix,
                                key, (int)strlen(known) - 1, known);
        return;
    }
}

bool catalog_reader_has(const struct catalog_reader *r, const char *key)
{
    return json_object_get(r->object, key) != NULL;
}

size_t catalog_reader_number(struct catalog_reader *r, const char *key, size_t min, size_t max)
{
    size_t value = 0;
    if (r->rc == 0)
        r->rc = json_field_size(r->object, key, min, max, &value, &r->place, r->err);
    return value;
}

size_t catalog_reader_number_or(struct catalog_reader *r, const char *key, size_t max, size_t otherwise)
{
    return catalog_reader_has(r, key) ? catalog_reader_number(r, key, 0, max) : otherwise;
}

const char *catalog_reader_text(struct catalog_reader *r, const char *key)
{
    const char *value = "";
    if (r->rc == 0)
        r->rc = json_field_text(r->object, key, &value, &r->place, r->err);
    if (r->rc == 0 && !*value)
        r->rc = conch_error_set(r->err, CONCH_ERR_FORMAT, "catalog: %s%s is empty", r->prefix, key);
    return value;
}

bool catalog_reader_flag(struct catalog_reader *r, const char *key, bool required)
{
    const json_t *value = json_object_get(r->object, key);
    if (r->rc == 0 && (value ? !json_is_boolean(value) : required))
        r->rc = conch_error_set(r->err, CONCH_ERR_FORMAT, "catalog: %s%s is %s, wanted true or false", r->prefix, key,
                                value ? "something else" : "missing");
    return json_is_true(value);
}

json_t *catalog_reader_list(struct catalog_reader *r, const char *key, size_t min, size_t max)
{
    json_t *value = NULL;
    if (r->rc == 0)
        r->rc = json_field_array(r->object, key, min, max, &value, &r->place, r->err);
    return value; /* NULL has no entries for jansson */
}

static size_t word_index(struct catalog_reader *r, const char *key, const char *value, const char *const *names,
                         size_t count)
{
    char allowed[128] = "";
    size_t used = 0;
    if (r->rc < 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (value && strcmp(value, names[i]) == 0)
            return i;
        used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s", i ? ", " : "", names[i]);
        assert(used < sizeof allowed);
    }
    r->rc = conch_error_set(r->err, CONCH_ERR_FORMAT, "catalog: %s%s '%s', allowed: %s", r->prefix, key,
                            value ? value : "(no text)", allowed);
    return 0;
}

size_t catalog_reader_word(struct catalog_reader *r, const char *key, const char *const *names, size_t count)
{
    const char *value = catalog_reader_text(r, key);
    return word_index(r, key, value, names, count);
}

unsigned catalog_reader_words(struct catalog_reader *r, const char *key, const char *const *names, size_t count)
{
    const json_t *values = catalog_reader_list(r, key, 1, count);
    unsigned bits = 0;
    for (size_t i = 0; i < json_array_size(values); i++)
        bits |= 1u << word_index(r, key, json_string_value(json_array_get(values, i)), names, count);
    return bits;
}

char catalog_reader_confidence(struct catalog_reader *r)
{
    return confidence_names[catalog_reader_word(r, "confidence", confidence_names, ARRAY_LEN(confidence_names))][0];
}

void *catalog_reader_rows_allocate(struct catalog_reader *r, size_t count, size_t size)
{
    void *rows = r->rc == 0 ? calloc(count ? count : 1, size) : NULL;
    if (r->rc == 0 && !rows)
        r->rc = conch_error_set(r->err, CONCH_ERR_NOMEM, "no memory for the catalog");
    return rows;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar (years from 1970). */
static int64_t days_from_date(int year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    const int past = year - 1;
    const int leaps = past / 4 - past / 100 + past / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    return (int64_t)(year - 1970) * 365 + leaps + before[month - 1] + (leap && month > 2) + day - 1;
}

int64_t catalog_reader_date(struct catalog_reader *r, const char *key)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *value = catalog_reader_text(r, key);
    int year = 0, month = 0, day = 0, end = 0;
    if (r->rc < 0)
        return 0;
    if (strlen(value) != 10 || strspn(value, "0123456789-") != 10 ||
        sscanf(value, "%4d-%2d-%2d%n", &year, &month, &day, &end) != 3 || end != 10 || year < YEAR_MIN || month < 1 ||
        month > 12 || day < 1 || day > days[month - 1] ||
        (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0)))) {
        r->rc = conch_error_set(r->err, CONCH_ERR_FORMAT, "catalog: %s%s '%s', wanted a day as 2026-01-31", r->prefix,
                                key, value);
        return 0;
    }
    return days_from_date(year, month, day) * 86400000;
}
