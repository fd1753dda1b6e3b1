#include "server/http/router.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One segment at one place. text NULL: a {name}. */
struct node {
    const char *text;
    size_t size;
    struct node *child, *sibling; /* siblings: those of text first */
    const struct router_row *rows[HTTP_OTHER];
};

struct router {
    struct router_row *rows;
    size_t row_count;
    const struct dialect *const *dialects;
    size_t dialect_count;
    struct node root;
};

/* ---- building ---- */

static struct node *child_find(const struct node *node, const char *text, size_t size)
{
    for (struct node *child = node->child; child; child = child->sibling)
        if (text ? child->text && child->size == size && memcmp(child->text, text, size) == 0 : !child->text)
            return child;
    return NULL;
}

static struct node *child_make(struct node *node, const char *text, size_t size)
{
    struct node *child = child_find(node, text, size);
    if (child)
        return child;
    child = calloc(1, sizeof *child);
    if (!child)
        return NULL;
    child->text = text;
    child->size = size;
    struct node **at = &node->child;
    while (!text && *at)
        at = &(*at)->sibling;
    child->sibling = *at;
    *at = child;
    return child;
}

static int row_add(struct router *router, const struct router_row *row, conch_error *err)
{
    struct node *node = &router->root;
    const char *at = row->route->pattern;
    assert(*at == '/');
    while (*at == '/') {
        size_t size = strcspn(++at, "/");
        bool named = *at == '{';
        assert(!named || at[size - 1] == '}');
        node = child_make(node, named ? NULL : at, named ? 0 : size);
        if (!node)
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the routes");
        at += size;
    }
    assert(row->route->method < HTTP_OTHER && !node->rows[row->route->method]);
    node->rows[row->route->method] = row;
    return 0;
}

int router_create(struct router **ret_router, const struct dialect *const *dialects, size_t dialect_count,
                  conch_error *err)
{
    size_t count = 0, index = 0;
    int rc = 0;
    for (size_t i = 0; i < dialect_count; i++)
        count += dialects[i]->route_count;
    struct router *router = calloc(1, sizeof *router);
    if (router)
        router->rows = calloc(count ? count : 1, sizeof *router->rows);
    if (!router || !router->rows) {
        free(router);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the routes");
    }
    router->row_count = count;
    router->dialects = dialects;
    router->dialect_count = dialect_count;
    for (size_t i = 0; i < dialect_count; i++)
        for (size_t k = 0; k < dialects[i]->route_count && rc == 0; k++) {
            struct router_row *row = &router->rows[index];
            *row = (struct router_row){dialects[i], &dialects[i]->routes[k], index};
            rc = row_add(router, row, err);
            index++;
        }
    if (rc < 0)
        router_destroy(router);
    else
        *ret_router = router;
    return rc;
}

static void children_free(struct node *node)
{
    for (struct node *child = node->child, *next; child; child = next) {
        next = child->sibling;
        children_free(child);
        free(child);
    }
}

void router_destroy(struct router *router)
{
    if (!router)
        return;
    children_free(&router->root);
    free(router->rows);
    free(router);
}

size_t router_row_count(const struct router *router)
{
    return router->row_count;
}

const struct router_row *router_row(const struct router *router, size_t index)
{
    assert(index < router->row_count);
    return &router->rows[index];
}

/* ---- finding ---- */

struct segments {
    const char *text[DIALECT_SEGMENTS_MAX];
    size_t size[DIALECT_SEGMENTS_MAX];
    size_t count;
};

static bool split(const char *path, struct segments *ret)
{
    ret->count = 0;
    while (*path == '/') {
        size_t size = strcspn(++path, "/");
        if (ret->count == DIALECT_SEGMENTS_MAX)
            return false;
        ret->text[ret->count] = path;
        ret->size[ret->count++] = size;
        path += size;
    }
    return !*path && ret->count;
}

static unsigned methods_of(const struct node *node)
{
    unsigned methods = 0;
    for (int i = 0; i < HTTP_OTHER; i++)
        if (node->rows[i])
            methods |= 1u << i;
    return methods & 1u << HTTP_GET ? methods | 1u << HTTP_HEAD : methods;
}

/* The first row of the method below node, texts first; every node the path fits adds its methods. */
static const struct router_row *descend(const struct node *node, const struct segments *segments, size_t at,
                                        enum http_method method, unsigned *methods)
{
    if (at == segments->count) {
        *methods |= methods_of(node);
        return method < HTTP_OTHER ? node->rows[method] : NULL;
    }
    for (const struct node *child = node->child; child; child = child->sibling) {
        if (child->text ? child->size != segments->size[at] || memcmp(child->text, segments->text[at], child->size) != 0
                        : segments->size[at] == 0)
            continue;
        const struct router_row *row = descend(child, segments, at + 1, method, methods);
        if (row)
            return row;
    }
    return NULL;
}

/* Names come from the pattern, values from the path; false: too long. */
static bool parameters_take(struct router_match *match, const struct segments *segments)
{
    const char *at = match->row->route->pattern;
    size_t used = 0;
    match->parameter_count = 0;
    for (size_t i = 0; i < segments->count; i++) {
        size_t size = strcspn(++at, "/");
        if (*at == '{') {
            size_t name_size = size - 2, value_size = segments->size[i];
            if (used + name_size + value_size + 2 > sizeof match->text)
                return false;
            assert(match->parameter_count < DIALECT_PARAMETERS_MAX);
            char *name = match->text + used, *value = name + name_size + 1;
            memcpy(name, at + 1, name_size);
            name[name_size] = 0;
            memcpy(value, segments->text[i], value_size);
            value[value_size] = 0;
            used += name_size + value_size + 2;
            match->parameters[match->parameter_count++] = (struct dialect_parameter){name, value};
        }
        at += size;
    }
    return true;
}

void router_find(const struct router *router, enum http_method method, const char *path, struct router_match *match)
{
    struct segments segments;
    match->row = NULL;
    match->methods = 0;
    match->parameter_count = 0;
    if (!split(path, &segments))
        return;
    match->row = descend(&router->root, &segments, 0, method == HTTP_HEAD ? HTTP_GET : method, &match->methods);
    if (match->row && !parameters_take(match, &segments)) {
        match->row = NULL;
        match->methods = 0;
    }
}

/* ---- refusals ---- */

static bool owns(const char *prefix, const char *path)
{
    size_t size = strlen(prefix);
    if (strncmp(prefix, path, size) != 0)
        return false;
    return size == 0 || prefix[size - 1] == '/' || path[size] == '/' || !path[size];
}

const struct dialect *router_owner(const struct router *router, const char *path)
{
    const struct dialect *owner = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < router->dialect_count; i++)
        for (const char *const *prefix = router->dialects[i]->prefixes; prefix && *prefix; prefix++)
            if (owns(*prefix, path) && (!owner || strlen(*prefix) > longest)) {
                owner = router->dialects[i];
                longest = strlen(*prefix);
            }
    return owner;
}

void router_allow(unsigned methods, char *ret, size_t size)
{
    size_t used = 0;
    *ret = 0;
    for (int i = 0; i < HTTP_OTHER && used < size; i++)
        if (methods & 1u << i)
            used += (size_t)snprintf(ret + used, size - used, "%s%s", used ? ", " : "",
                                     http_method_name((enum http_method)i));
}
