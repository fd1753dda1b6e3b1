#include "server/prompt/policy.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/json.h"
#include "server/prompt/check.h"
#include "server/prompt/fold.h"
#include "server/prompt/policy_form.h"

/* Entries are the leaves of a trie over the bytes of their common form; edges are one hash table, so memory follows the
 * number of nodes and not the size of an alphabet. */
enum { ROOT = 0, NO_ENTRY = UINT32_MAX, NO_GROUP = 0xFF };

struct entry {
    char *text; /* as written */
    char *name;
    uint8_t group; /* of "together", or NO_GROUP */
    uint8_t side;
    uint32_t next; /* another entry with the same form, or NO_ENTRY */
};

struct edge {
    uint32_t from_and_byte; /* (node << 8 | byte) + 1; 0: free */
    uint32_t to;
};

struct node {
    uint32_t fail;
    uint32_t entry;  /* that ends here, or NO_ENTRY */
    uint32_t output; /* nearest node on the fail path with an entry, itself included; ROOT: none */
};

struct policy {
    struct entry *entries;
    size_t entry_count;
    struct node *nodes;
    size_t node_count, node_capacity;
    struct edge *edges;
    size_t edge_mask; /* table size - 1 */
    size_t group_count;
};

enum { NODES_MAX = 1 << 20, FORM_BYTES_MAX = 4096 };

/* ---- the trie ---- */

static struct edge *edge_slot(struct edge *edges, size_t mask, uint32_t from, uint8_t byte)
{
    uint32_t key = (from << 8 | byte) + 1;
    size_t at = (key * 0x9E3779B1u >> 7) & mask;
    while (edges[at].from_and_byte && edges[at].from_and_byte != key)
        at = (at + 1) & mask;
    return &edges[at];
}

static bool edge_find(const struct policy *policy, uint32_t from, uint8_t byte, uint32_t *ret)
{
    const struct edge *edge = edge_slot(policy->edges, policy->edge_mask, from, byte);
    if (!edge->from_and_byte)
        return false;
    *ret = edge->to;
    return true;
}

static int table_grow(struct policy *policy, conch_error *err)
{
    size_t capacity = policy->node_capacity ? policy->node_capacity * 2 : 1024;
    if (capacity > NODES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "the policy's words have more than %d characters together",
                               NODES_MAX / 2);
    struct node *nodes = realloc(policy->nodes, capacity * sizeof *nodes);
    if (nodes)
        policy->nodes = nodes;
    struct edge *edges = calloc(capacity * 2, sizeof *edges); /* at most half full */
    if (!nodes || !edges) {
        free(edges);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the words of the policy");
    }
    for (size_t i = 0; policy->edges && i <= policy->edge_mask; i++) {
        const struct edge *old = &policy->edges[i];
        if (old->from_and_byte) {
            uint32_t key = old->from_and_byte - 1;
            *edge_slot(edges, capacity * 2 - 1, key >> 8, (uint8_t)key) = *old;
        }
    }
    free(policy->edges);
    policy->edges = edges;
    policy->edge_mask = capacity * 2 - 1;
    policy->node_capacity = capacity;
    return 0;
}

static int node_add(struct policy *policy, uint32_t *ret, conch_error *err)
{
    int rc = policy->node_count == policy->node_capacity ? table_grow(policy, err) : 0;
    if (rc < 0)
        return rc;
    policy->nodes[policy->node_count] = (struct node){.entry = NO_ENTRY};
    *ret = (uint32_t)policy->node_count++;
    return 0;
}

/* A table that grows moves the edges, so the slot is looked up after the node exists. */
static int child_add(struct policy *policy, uint32_t from, uint8_t byte, uint32_t *ret, conch_error *err)
{
    int rc = node_add(policy, ret, err);
    if (rc == 0)
        *edge_slot(policy->edges, policy->edge_mask, from, byte) = (struct edge){(from << 8 | byte) + 1, *ret};
    return rc;
}

static int form_insert(struct policy *policy, const struct buf *form, uint32_t entry, conch_error *err)
{
    uint32_t node = ROOT;
    for (size_t i = 0; i < form->size; i++) {
        uint32_t next;
        if (!edge_find(policy, node, (uint8_t)form->data[i], &next)) {
            int rc = child_add(policy, node, (uint8_t)form->data[i], &next, err);
            if (rc < 0)
                return rc;
        }
        node = next;
    }
    policy->entries[entry].next = policy->nodes[node].entry;
    policy->nodes[node].entry = entry;
    return 0;
}

static uint32_t step(const struct policy *policy, uint32_t node, uint8_t byte)
{
    uint32_t next;
    while (!edge_find(policy, node, byte, &next)) {
        if (node == ROOT)
            return ROOT;
        node = policy->nodes[node].fail;
    }
    return next;
}

struct link {
    uint32_t from, to;
    uint32_t depth;
    uint8_t byte;
};

static int link_order(const void *a, const void *b)
{
    const struct link *x = a, *y = b;
    return x->depth != y->depth ? (x->depth < y->depth ? -1 : 1) : x->to < y->to ? -1 : x->to > y->to;
}

/* Fail links from the root outwards. Nodes are numbered after their parents, so depths come in one pass by number. */
static int links_make(struct policy *policy, conch_error *err)
{
    struct link *links = calloc(policy->node_count, sizeof *links);
    uint32_t *depth = calloc(policy->node_count, sizeof *depth);
    int rc = 0;
    if (!links || !depth) {
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the words of the policy");
        goto out;
    }
    for (size_t i = 0; i <= policy->edge_mask; i++)
        if (policy->edges[i].from_and_byte) {
            uint32_t key = policy->edges[i].from_and_byte - 1, to = policy->edges[i].to;
            links[to] = (struct link){key >> 8, to, 0, (uint8_t)key};
        }
    for (size_t i = 1; i < policy->node_count; i++)
        links[i].depth = depth[i] = depth[links[i].from] + 1;
    qsort(links + 1, policy->node_count - 1, sizeof *links, link_order);
    for (size_t i = 1; i < policy->node_count; i++) {
        struct node *node = &policy->nodes[links[i].to];
        node->fail = links[i].depth == 1 ? ROOT : step(policy, policy->nodes[links[i].from].fail, links[i].byte);
        node->output = node->entry != NO_ENTRY ? links[i].to : policy->nodes[node->fail].output;
    }
out:
    free(depth);
    free(links);
    return rc;
}

/* ---- reading ---- */

struct reader {
    struct policy *policy;
    struct json_place place;
    struct buf form;
};

static int entry_add(struct reader *reader, const char *key, const char *text, const char *name, struct entry entry,
                     conch_error *err)
{
    struct policy *policy = reader->policy;
    struct prompt_facts facts;
    int rc = prompt_check(text, PROMPT_CHARS_MAX, key, &facts, err);
    if (rc < 0)
        return rc;
    if (facts.chars > POLICY_ENTRY_CHARS_MAX)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %s has an entry of %zu characters, allowed are %d",
                               reader->place.document, key, facts.chars, POLICY_ENTRY_CHARS_MAX);
    if (policy->entry_count == POLICY_ENTRIES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "%s: more than %d entries", reader->place.document,
                               POLICY_ENTRIES_MAX);
    rc = policy_form(text, POLICY_FORM_ENTRY, &reader->form, err);
    if (rc == 0 && !reader->form.size)
        rc = conch_error_set(err, CONCH_ERR_FORMAT, "%s: %s has the entry \"%s\", which has no letter or digit",
                             reader->place.document, key, text);
    if (rc < 0)
        return rc;
    entry.text = strdup(text);
    entry.name = strdup(name);
    policy->entries[policy->entry_count] = entry;
    if (!entry.text || !entry.name) {
        free(entry.text);
        free(entry.name);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the words of the policy");
    }
    return form_insert(policy, &reader->form, (uint32_t)policy->entry_count++, err);
}

static int keys_check(const json_t *object, const char *const *allowed, const char *what, const char *document,
                      conch_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        size_t i = 0;
        while (allowed[i] && strcmp(allowed[i], key) != 0)
            i++;
        if (!allowed[i])
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %s has the unknown field \"%.60s\"", document, what,
                                   key);
    }
    return 0;
}

static int item_read(struct reader *reader, const char *key, const json_t *item, conch_error *err)
{
    static const char *const allowed[] = {"text", "name", NULL};
    struct entry entry = {.group = NO_GROUP};
    if (json_is_string(item))
        return entry_add(reader, key, json_string_value(item), key, entry, err);
    if (!json_is_object(item))
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %s holds something other than texts and {text, name}",
                               reader->place.document, key);
    const char *text, *name;
    int rc = keys_check(item, allowed, key, reader->place.document, err);
    if (rc == 0)
        rc = json_field_text(item, "text", &text, &reader->place, err);
    if (rc == 0)
        rc = json_field_text(item, "name", &name, &reader->place, err);
    return rc < 0 ? rc : entry_add(reader, key, text, name, entry, err);
}

static int list_read(struct reader *reader, const json_t *json, const char *key, conch_error *err)
{
    json_t *list, *item;
    size_t i;
    if (!json_object_get(json, key))
        return 0;
    int rc = json_field_array(json, key, 0, POLICY_ENTRIES_MAX, &list, &reader->place, err);
    if (rc == 0)
        json_array_foreach(list, i, item)
        {
            rc = item_read(reader, key, item, err);
            if (rc < 0)
                break;
        }
    return rc;
}

static int side_read(struct reader *reader, const json_t *group, const char *key, struct entry entry, conch_error *err)
{
    const char *name;
    json_t *list, *item;
    size_t i;
    int rc = json_field_text(group, "name", &name, &reader->place, err);
    if (rc == 0)
        rc = json_field_array(group, key, 1, POLICY_ENTRIES_MAX, &list, &reader->place, err);
    if (rc == 0)
        json_array_foreach(list, i, item)
        {
            if (!json_is_string(item))
                return conch_error_set(err, CONCH_ERR_FORMAT, "%s: together.%s holds something other than texts",
                                       reader->place.document, key);
            rc = entry_add(reader, key, json_string_value(item), name, entry, err);
            if (rc < 0)
                break;
        }
    return rc;
}

static int together_read(struct reader *reader, const json_t *json, conch_error *err)
{
    static const char *const allowed[] = {"name", "one", "other", NULL};
    json_t *list, *group;
    size_t i;
    if (!json_object_get(json, "together"))
        return 0;
    int rc = json_field_array(json, "together", 0, POLICY_TOGETHER_MAX, &list, &reader->place, err);
    if (rc < 0)
        return rc;
    json_array_foreach(list, i, group)
    {
        struct entry entry = {.group = (uint8_t)i};
        if (!json_is_object(group))
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: together holds something other than {name, one, other}",
                                   reader->place.document);
        rc = keys_check(group, allowed, "together", reader->place.document, err);
        if (rc == 0)
            rc = side_read(reader, group, "one", entry, err);
        entry.side = 1;
        if (rc == 0)
            rc = side_read(reader, group, "other", entry, err);
        if (rc < 0)
            return rc;
        reader->policy->group_count = i + 1;
    }
    return 0;
}

static int policy_fill(struct reader *reader, const json_t *json, conch_error *err)
{
    static const char *const allowed[] = {"format", "note", "words", "phrases", "together", NULL};
    struct policy *policy = reader->policy;
    size_t format;
    uint32_t root;
    if (!json_is_object(json))
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: not a JSON object", reader->place.document);
    int rc = keys_check(json, allowed, "the policy", reader->place.document, err);
    if (rc == 0)
        rc = json_field_size(json, "format", 1, 1, &format, &reader->place, err);
    policy->entries = calloc(POLICY_ENTRIES_MAX, sizeof *policy->entries);
    if (rc == 0 && !policy->entries)
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the words of the policy");
    if (rc == 0)
        rc = node_add(policy, &root, err);
    if (rc == 0)
        rc = list_read(reader, json, "words", err);
    if (rc == 0)
        rc = list_read(reader, json, "phrases", err);
    if (rc == 0)
        rc = together_read(reader, json, err);
    return rc < 0 ? rc : links_make(policy, err);
}

int policy_read(struct policy **ret, const json_t *json, const char *document, conch_error *err)
{
    struct reader reader = {.place = {document, ""}};
    buf_init(&reader.form, FORM_BYTES_MAX);
    reader.policy = calloc(1, sizeof *reader.policy);
    int rc = reader.policy ? policy_fill(&reader, json, err)
                           : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a policy");
    if (rc == 0) {
        *ret = reader.policy;
        reader.policy = NULL;
    }
    policy_destroy(reader.policy);
    buf_finish(&reader.form);
    return rc;
}

void policy_destroy(struct policy *policy)
{
    if (!policy)
        return;
    for (size_t i = 0; i < policy->entry_count; i++) {
        free(policy->entries[i].text);
        free(policy->entries[i].name);
    }
    free(policy->entries);
    free(policy->nodes);
    free(policy->edges);
    free(policy);
}

size_t policy_entry_count(const struct policy *policy)
{
    return policy->entry_count;
}

/* ---- matching ---- */

/* Where each side of each group was last seen: word number + 1, and the entry. */
struct sight {
    size_t at[POLICY_TOGETHER_MAX][2];
    uint32_t entry[POLICY_TOGETHER_MAX][2];
};

/* What ends at this node, given that `word` words have ended. 1 when that decides it. */
static int output_take(const struct policy *policy, uint32_t node, size_t word, struct sight *sight,
                       struct policy_match *ret)
{
    for (node = policy->nodes[node].output; node != ROOT; node = policy->nodes[policy->nodes[node].fail].output)
        for (uint32_t i = policy->nodes[node].entry; i != NO_ENTRY; i = policy->entries[i].next) {
            const struct entry *entry = &policy->entries[i];
            if (entry->group == NO_GROUP) {
                *ret = (struct policy_match){entry->text, NULL, entry->name};
                return 1;
            }
            size_t other = sight->at[entry->group][!entry->side];
            if (other && word + 1 - other <= POLICY_NEAR_WORDS) {
                const char *text = policy->entries[sight->entry[entry->group][!entry->side]].text;
                *ret = (struct policy_match){entry->text, text, entry->name};
                return 1;
            }
            sight->at[entry->group][entry->side] = word + 1;
            sight->entry[entry->group][entry->side] = i;
        }
    return 0;
}

int policy_match(const struct policy *policy, const char *text, struct policy_match *ret, conch_error *err)
{
    assert(policy && text && ret);
    struct sight sight = {0};
    struct buf form;
    buf_init(&form, PROMPT_FOLDED_BYTES_MAX);
    int rc = policy_form(text, POLICY_FORM_TEXT, &form, err);
    uint32_t node = ROOT;
    size_t word = 0;
    for (size_t i = 0; i < form.size && rc == 0; i++) {
        uint8_t byte = (uint8_t)form.data[i];
        node = step(policy, node, byte);
        word += byte == ' ' || byte >= 0xE0;
        rc = output_take(policy, node, word, &sight, ret);
    }
    buf_finish(&form);
    return rc;
}
