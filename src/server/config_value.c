#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/config_keys.h"

enum { TEXT_BYTES_MAX = 4096, SECRET_CHARS_SHOWN = 4, SECRET_CHARS_MIN = 12 };

static void *field(const struct config *config, const struct config_key *key)
{
    return (char *)config + key->offset;
}

static int no_memory(conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the configuration");
}

static struct text_short number_text(const struct config_key *key, int64_t value)
{
    struct text_short text;
    if (key->type == CONFIG_BYTES)
        return text_bytes_write(value);
    if (key->type == CONFIG_DURATION)
        return text_duration_write(value);
    snprintf(text.text, sizeof text.text, "%lld", (long long)value);
    return text;
}

/* "local chat off" as "local, chat or off". */
static int words_write(const char *words, struct buf *buf, conch_error *err)
{
    int rc = 0;
    for (const char *at = words; *at && rc == 0;) {
        const size_t size = strcspn(at, " ");
        const char *rest = at + size + (at[size] == ' ');
        const char *after = !*rest ? "" : strchr(rest, ' ') ? ", " : " or ";
        rc = buf_append_format(buf, err, "%.*s%s", (int)size, at, after);
        at = rest;
    }
    return rc;
}

int config_allowed_write(const struct config_key *key, struct buf *buf, conch_error *err)
{
    switch (key->type) {
    case CONFIG_BOOL: return buf_append_text(buf, "true or false", err);
    case CONFIG_INT:
    case CONFIG_BYTES:
    case CONFIG_DURATION:
        return buf_append_format(buf, err, "%s to %s", number_text(key, key->min).text,
                                 number_text(key, key->max).text);
    case CONFIG_ENUM: return words_write(key->words, buf, err);
    default: return key->wanted ? buf_append_text(buf, key->wanted, err) : 0;
    }
}

static int refuse(const struct config_key *key, const char *value, const char *why, const struct config_place *place,
                  conch_error *err)
{
    struct buf allowed;
    buf_init(&allowed, 400);
    config_allowed_write(key, &allowed, NULL);
    const char *unit = key->type == CONFIG_DURATION ? " with a unit (ms, s, m, h, d)" : "";
    if (key->secret)
        conch_error_set(err, CONCH_ERR_RANGE, "%s: %s; wanted: %s", place->text, why,
                        allowed.size ? allowed.data : "text");
    else
        conch_error_set(err, CONCH_ERR_RANGE, "%s: '%.80s' %s%s%s%s", place->text, value, why,
                        allowed.size ? "; allowed: " : "", allowed.size ? allowed.data : "", unit);
    buf_finish(&allowed);
    return CONCH_ERR_RANGE;
}

static bool bool_read(const char *value, bool *ret)
{
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (text_equal_nocase(value, yes[i]) || text_equal_nocase(value, no[i])) {
            *ret = text_equal_nocase(value, yes[i]);
            return true;
        }
    }
    return false;
}

static int number_set(int64_t *ret, const struct config_key *key, const char *value, const struct config_place *place,
                      conch_error *err)
{
    int64_t number = 0;
    const bool good = key->type == CONFIG_INT     ? text_integer(value, INT64_MIN, INT64_MAX, &number)
                      : key->type == CONFIG_BYTES ? text_bytes(value, &number)
                                                  : text_duration(value, &number);
    static const char *const wrong[] = {
        [CONFIG_INT] = "is no number", [CONFIG_BYTES] = "is no size as 64M", [CONFIG_DURATION] = "is no time as 30s"};
    if (!good)
        return refuse(key, value, wrong[key->type], place, err);
    if (number < key->min || number > key->max)
        return refuse(key, value, number < key->min ? "is too small" : "is too large", place, err);
    *ret = number;
    return 0;
}

static int enum_set(int *ret, const struct config_key *key, const char *value, const struct config_place *place,
                    conch_error *err)
{
    const size_t size = strlen(value);
    int index = 0;
    for (const char *at = key->words; *at; index++) {
        const size_t length = strcspn(at, " ");
        if (length == size && strncmp(at, value, size) == 0) {
            *ret = index;
            return 0;
        }
        at += length + (at[length] == ' ');
    }
    return refuse(key, value, "is none of the words", place, err);
}

/* One text that passed its check, malloc'ed. */
static int text_make(char **ret, const struct config_key *key, const char *value, const struct config_place *place,
                     conch_error *err)
{
    const size_t size = strlen(value), max = key->max ? (size_t)key->max : TEXT_BYTES_MAX;
    const bool is_path = key->type == CONFIG_PATH || key->type == CONFIG_PATHS;
    if (size < (size_t)key->min)
        return refuse(key, value, "is empty", place, err);
    if (size > max)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s: %zu bytes are too long, allowed are %zu", place->text, size,
                               max);
    if (size > 0 && key->check && !key->check(value))
        return refuse(key, value, key->secret ? "not as it has to be" : "is not as it has to be", place, err);
    if (is_path && strncmp(value, "~/", 2) == 0) {
        if (!place->home)
            return refuse(key, value, "names a home folder, and HOME is not set", place, err);
        return asprintf(ret, "%s%s", place->home, value + 1) < 0 ? no_memory(err) : 0;
    }
    *ret = strdup(value);
    return *ret ? 0 : no_memory(err);
}

static void list_clear(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct config_list){0};
}

static int list_set(struct config_list *ret, const struct config_key *key, const char *value,
                    const struct config_place *place, conch_error *err)
{
    struct config_list list = {.items = calloc(CONFIG_LIST_MAX, sizeof *list.items)};
    int rc = list.items ? 0 : no_memory(err);
    while (rc == 0 && *value) {
        const size_t size = strcspn(value, ",");
        size_t begin = strspn(value, " \t"), end = size;
        while (end > begin && (value[end - 1] == ' ' || value[end - 1] == '\t'))
            end--;
        char *item = strndup(value + size_min(begin, end), end - size_min(begin, end));
        if (!item)
            rc = no_memory(err);
        else if (*item && list.count == CONFIG_LIST_MAX)
            rc = conch_error_set(err, CONCH_ERR_RANGE, "%s: more than %d entries", place->text, CONFIG_LIST_MAX);
        else if (*item)
            rc = text_make(&list.items[list.count], key, item, place, err);
        list.count += rc == 0 && *item;
        free(item);
        value += size + (value[size] == ',');
    }
    if (rc < 0) {
        list_clear(&list);
        return rc;
    }
    list_clear(ret);
    *ret = list;
    return 0;
}

int config_value_set(struct config *config, const struct config_key *key, const char *value,
                     const struct config_place *place, conch_error *err)
{
    void *at = field(config, key);
    if (strlen(value) > CONFIG_VALUE_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s: the value is longer than %d bytes", place->text,
                               CONFIG_VALUE_BYTES_MAX);
    switch (key->type) {
    case CONFIG_BOOL: return bool_read(value, at) ? 0 : refuse(key, value, "is neither", place, err);
    case CONFIG_INT:
    case CONFIG_BYTES:
    case CONFIG_DURATION: return number_set(at, key, value, place, err);
    case CONFIG_ENUM: return enum_set(at, key, value, place, err);
    case CONFIG_LIST:
    case CONFIG_PATHS: return list_set(at, key, value, place, err);
    case CONFIG_TEXT:
    case CONFIG_PATH: break;
    }
    char *text = NULL;
    const int rc = text_make(&text, key, value, place, err);
    if (rc < 0)
        return rc;
    free(*(char **)at);
    *(char **)at = text;
    return 0;
}

void config_value_clear(struct config *config, const struct config_key *key)
{
    void *at = field(config, key);
    if (key->type == CONFIG_TEXT || key->type == CONFIG_PATH) {
        free(*(char **)at);
        *(char **)at = NULL;
    } else if (key->type == CONFIG_LIST || key->type == CONFIG_PATHS) {
        list_clear(at);
    }
}

static int text_write(const struct config_key *key, const char *text, struct buf *buf, conch_error *err)
{
    const size_t size = strlen(text);
    if (!key->secret || size == 0)
        return buf_append_text(buf, text, err);
    return buf_append_format(buf, err, "…%s", size >= SECRET_CHARS_MIN ? text + size - SECRET_CHARS_SHOWN : "");
}

int config_value_write(const struct config *config, const struct config_key *key, struct buf *buf, conch_error *err)
{
    const void *at = field(config, key);
    int rc = 0;
    switch (key->type) {
    case CONFIG_BOOL: return buf_append_text(buf, *(const bool *)at ? "true" : "false", err);
    case CONFIG_INT:
    case CONFIG_BYTES:
    case CONFIG_DURATION: return buf_append_text(buf, number_text(key, *(const int64_t *)at).text, err);
    case CONFIG_TEXT:
    case CONFIG_PATH: return text_write(key, *(char *const *)at, buf, err);
    case CONFIG_ENUM: {
        const char *word = key->words;
        for (int i = *(const int *)at; i > 0; i--)
            word = strchr(word, ' ') + 1;
        return buf_append(buf, word, strcspn(word, " "), err);
    }
    case CONFIG_LIST:
    case CONFIG_PATHS: {
        const struct config_list *list = at;
        for (size_t i = 0; i < list->count && rc == 0; i++)
            rc = buf_append_format(buf, err, "%s%s", i ? ", " : "", list->items[i]);
        return rc;
    }
    }
    assert(!"a type without a case");
    return CONCH_ERR_INTERNAL;
}
