/* The catalog's documents, their schemas and their readers agree: what is shipped passes both; then every field of
 * every object is damaged, taken away or joined by a stranger, and what the schema refuses the reader must refuse as
 * well. A field that the schema names and the reader skips would be found here. */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/file.h"
#include "base/json.h"
#include "server/catalog_find.h"

static conch_error err;
static char folder[4096];
static json_t *models, *templates, *services, *schema;
static long looked_at;

static json_t *document_open(const char *name)
{
    char path[5000];
    json_t *document = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (json_file_read(&document, path, &err) < 0)
        fail_msg("%s", err.text);
    return document;
}

static int documents_open(void **state)
{
    const char *root = getenv("CONCH_TEST_ROOT");
    snprintf(folder, sizeof folder, "%s/catalog", root ? root : ".");
    models = document_open("models.json");
    templates = document_open("templates.json");
    services = document_open("services.json");
    return 0;
}

static int documents_close(void **state)
{
    json_decref(models);
    json_decref(templates);
    json_decref(services);
    return 0;
}

/* ---- as much of JSON Schema as the schemas use; another word fails the test ---- */

static bool valid(const json_t *rules, const json_t *value);

static bool type_is(const char *type, const json_t *value)
{
    return strcmp(type, "object") == 0    ? json_is_object(value)
           : strcmp(type, "array") == 0   ? json_is_array(value)
           : strcmp(type, "string") == 0  ? json_is_string(value)
           : strcmp(type, "integer") == 0 ? json_is_integer(value)
           : strcmp(type, "boolean") == 0 ? json_is_boolean(value)
                                          : json_is_null(value);
}

static size_t valid_count(const json_t *choices, const json_t *value)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(choices); i++)
        count += valid(json_array_get(choices, i), value);
    return count;
}

static bool pattern_matches(const char *pattern, const json_t *value)
{
    regex_t regex;
    if (!json_is_string(value))
        return true;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    const bool found = regexec(&regex, json_string_value(value), 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static bool members_valid(const json_t *rules, const json_t *value)
{
    const json_t *properties = json_object_get(rules, "properties");
    const bool closed = json_is_false(json_object_get(rules, "additionalProperties"));
    const char *key;
    json_t *member;
    if (!json_is_object(value))
        return true;
    json_object_foreach((json_t *)value, key, member)
    {
        const json_t *rule = json_object_get(properties, key);
        if (rule ? !valid(rule, member) : closed)
            return false;
    }
    return true;
}

static bool in_list(const json_t *values, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(values); i++)
        if (json_equal(json_array_get(values, i), value))
            return true;
    return false;
}

static bool rule_holds(const json_t *rules, const char *word, const json_t *rule, const json_t *value)
{
    const json_int_t limit = json_integer_value(rule);
    if (strcmp(word, "type") == 0)
        return type_is(json_string_value(rule), value);
    if (strcmp(word, "const") == 0)
        return json_equal(rule, value);
    if (strcmp(word, "enum") == 0)
        return in_list(rule, value);
    if (strcmp(word, "minimum") == 0)
        return !json_is_integer(value) || json_integer_value(value) >= limit;
    if (strcmp(word, "maximum") == 0)
        return !json_is_integer(value) || json_integer_value(value) <= limit;
    if (strcmp(word, "minLength") == 0)
        return !json_is_string(value) || (json_int_t)json_string_length(value) >= limit;
    if (strcmp(word, "minItems") == 0)
        return !json_is_array(value) || (json_int_t)json_array_size(value) >= limit;
    if (strcmp(word, "maxItems") == 0)
        return !json_is_array(value) || (json_int_t)json_array_size(value) <= limit;
    if (strcmp(word, "pattern") == 0)
        return pattern_matches(json_string_value(rule), value);
    if (strcmp(word, "anyOf") == 0)
        return valid_count(rule, value) > 0;
    if (strcmp(word, "oneOf") == 0)
        return valid_count(rule, value) == 1;
    if (strcmp(word, "properties") == 0 || strcmp(word, "additionalProperties") == 0)
        return members_valid(rules, value);
    if (strcmp(word, "items") == 0) {
        for (size_t i = 0; i < json_array_size(value); i++)
            if (!valid(rule, json_array_get(value, i)))
                return false;
        return true;
    }
    if (strcmp(word, "required") == 0) {
        for (size_t i = 0; i < json_array_size(rule) && json_is_object(value); i++)
            if (!json_object_get(value, json_string_value(json_array_get(rule, i))))
                return false;
        return true;
    }
    if (strcmp(word, "description") != 0 && strcmp(word, "title") != 0 && strcmp(word, "$schema") != 0)
        fail_msg("the schema uses '%s', which this test does not know", word);
    return true;
}

static bool valid(const json_t *rules, const json_t *value)
{
    const char *word;
    json_t *rule;
    json_object_foreach((json_t *)rules, word, rule)
    {
        if (!rule_holds(rules, word, rule, value))
            return false;
    }
    return true;
}

/* ---- the readers ---- */

static bool models_taken(void)
{
    struct catalog catalog;
    const int rc = catalog_read(&catalog, models, &err);
    if (rc == 0)
        catalog_finish(&catalog);
    return rc == 0;
}

static bool offers_taken(void)
{
    struct catalog_offers offers;
    const int rc = catalog_offers_read(&offers, templates, services, &err);
    if (rc == 0)
        catalog_offers_finish(&offers);
    return rc == 0;
}

/* One object of `document` was changed at `key`: whoever the schema refuses, the reader refuses. */
static void both_look(const json_t *document, bool (*taken)(void), const char *key, const char *what)
{
    looked_at++;
    const bool schema_takes = valid(schema, document), reader_takes = taken();
    if (!schema_takes && reader_takes)
        fail_msg("the reader takes '%s' %s, the schema does not", key, what);
    if (!reader_takes && (err.code >= 0 || !err.text[0]))
        fail_msg("'%s' %s is refused without a text", key, what);
}

static void both_refuse(const json_t *document, bool (*taken)(void), const char *key, const char *what)
{
    if (valid(schema, document))
        fail_msg("the schema takes '%s' %s", key, what);
    both_look(document, taken, key, what);
}

static void fields_damage(const json_t *document, json_t *object, bool (*taken)(void))
{
    const char *keys[64];
    size_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        keys[count++] = key;
        assert_true(count < ARRAY_LEN(keys));
    }
    for (size_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", keys[i]);
        json_t *kept = json_incref(json_object_get(object, name));
        json_object_set_new(object, name, json_pack("{sb}", "stranger", 1));
        both_refuse(document, taken, name, "as another object");
        json_object_set_new(object, name, json_string(""));
        both_refuse(document, taken, name, "as an empty text");
        json_object_set_new(object, name, json_integer(-1));
        both_refuse(document, taken, name, "as -1");
        json_object_set_new(object, name, json_null());
        both_look(document, taken, name, "as null");
        json_object_set(object, name, kept);
        json_object_del(object, name);
        both_look(document, taken, name, "taken away");
        json_object_set_new(object, name, kept);
        keys[i] = "";
    }
    json_object_set_new(object, "stranger", json_true());
    both_refuse(document, taken, "stranger", "as a field of its own");
    json_object_del(object, "stranger");
}

static void objects_damage(const json_t *document, json_t *value, bool (*taken)(void))
{
    const char *key;
    json_t *member;
    if (json_is_object(value)) {
        json_object_foreach(value, key, member)
        {
            objects_damage(document, member, taken);
        }
        fields_damage(document, value, taken);
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        if (i < 3 || i + 2 > json_array_size(value)) /* the first rows and the last stand for all */
            objects_damage(document, json_array_get(value, i), taken);
}

static void document_check(const char *schema_name, json_t *document, bool (*taken)(void))
{
    schema = document_open(schema_name);
    assert_true(valid(schema, document));
    assert_true(taken());
    looked_at = 0;
    objects_damage(document, document, taken);
    assert_true(looked_at > 100);
    assert_true(valid(schema, document)); /* everything was put back */
    assert_true(taken());
    json_decref(schema);
}

static void models_their_schema_and_their_reader_agree(void **state)
{
    document_check("models.schema.json", models, models_taken);
}

static void templates_their_schema_and_their_reader_agree(void **state)
{
    document_check("templates.schema.json", templates, offers_taken);
}

static void services_their_schema_and_their_reader_agree(void **state)
{
    document_check("services.schema.json", services, offers_taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_their_schema_and_their_reader_agree),
        cmocka_unit_test(templates_their_schema_and_their_reader_agree),
        cmocka_unit_test(services_their_schema_and_their_reader_agree),
    };
    return cmocka_run_group_tests(tests, documents_open, documents_close);
}
