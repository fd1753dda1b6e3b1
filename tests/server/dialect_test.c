#include "dialect_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

struct catalog catalog;
json_t *document, *body;

int shipped_open(void **state)
{
    const char *root = getenv("CONCH_TEST_ROOT");
    char path[4096];
    conch_error err = {0};
    snprintf(path, sizeof path, "%s/catalog/models.json", root ? root : ".");
    if (json_file_read(&document, path, &err) < 0 || catalog_read(&catalog, document, &err) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

int shipped_close(void **state)
{
    catalog_finish(&catalog);
    json_decref(document);
    return body_free(state);
}

json_t *json_of(const char *text)
{
    char *copy = strdup(text);
    json_error_t error;
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_t *json = json_loads(copy, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s: %s", copy, error.text);
    free(copy);
    return json;
}

void body_set(json_t *json)
{
    json_decref(body);
    body = json;
}

int body_free(void **state)
{
    body_set(NULL);
    return 0;
}
