#include "server/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/file.h"
#include "base/ini.h"
#include "base/text.h"
#include "server/config_keys.h"

enum { KEYS_MAX = 128, NAMES_MAX = 64, STRANGE_MAX = 64 };
static const char environment_prefix[] = "CONCH_", admin_key_name[] = "CONCH_ADMIN_KEY";

/* What is being put together, and which line of the file gave each key. */
struct loader {
    struct config config;
    const struct config_settings *settings;
    const char *home;
    size_t lines[KEYS_MAX];
    size_t alias_lines[CONFIG_ALIASES_MAX];
};

static int no_memory(conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the configuration");
}

static const char *environment_get(const struct loader *loader, const char *name)
{
    const size_t size = strlen(name);
    for (char *const *at = loader->settings->environment; at && *at; at++)
        if (strncmp(*at, name, size) == 0 && (*at)[size] == '=')
            return *at + size + 1;
    return NULL;
}

static const struct config_key *key_find(const char *section, const char *name, size_t *ret_index)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].key, name) == 0) {
            *ret_index = i;
            return &keys[i];
        }
    return NULL;
}

static int section_unknown(const char *place, const char *section, conch_error *err)
{
    const char *names[NAMES_MAX] = {0};
    size_t count = 0;
    for (; count < NAMES_MAX && config_section(count); count++)
        names[count] = config_section(count);
    if (!*section)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s: the key stands before the first [section]", place);
    const char *near = text_nearest(section, names, count);
    return conch_error_set(err, CONCH_ERR_RANGE, "%s: there is no section [%s]%s%s%s", place, section,
                           near ? "; was [" : "", near ? near : "", near ? "] meant?" : "");
}

/* The nearest key of the section; else the section that has a key of this name. */
static int key_unknown(const char *place, const char *section, const char *name, conch_error *err)
{
    size_t count, names_count = 0;
    const struct config_key *keys = config_keys(&count);
    const char *names[KEYS_MAX] = {0}, *elsewhere = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, section) == 0)
            names[names_count++] = keys[i].key;
        else if (strcmp(keys[i].key, name) == 0)
            elsewhere = keys[i].section;
    }
    const char *near = text_nearest(name, names, names_count);
    if (!near && elsewhere)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s: [%s] has no key '%s'; [%s] has one", place, section, name,
                               elsewhere);
    return conch_error_set(err, CONCH_ERR_RANGE, "%s: [%s] has no key '%s'%s%s%s", place, section, name,
                           near ? "; was '" : "", near ? near : "", near ? "' meant?" : "");
}

/* Sets or replaces an alias; *ret_index is where it stands. */
static int alias_set(struct config *config, const char *name, const char *slug, const char *place, size_t *ret_index,
                     conch_error *err)
{
    size_t i = 0;
    if (!*name || !*slug || strlen(name) > INI_NAME_BYTES_MAX || strlen(slug) > INI_NAME_BYTES_MAX ||
        strpbrk(slug, " \t"))
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "%s: '%.80s' = '%.80s', wanted a name and the model that serves it, as conch/tiny",
                               place, name, slug);
    while (i < config->aliases.count && strcmp(config->aliases.items[i].name, name) != 0)
        i++;
    if (i == CONFIG_ALIASES_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s: more than %d aliases", place, CONFIG_ALIASES_MAX);
    if (!config->aliases.items)
        config->aliases.items = calloc(CONFIG_ALIASES_MAX, sizeof *config->aliases.items);
    struct catalog_pin pin = {strdup(name), strdup(slug)};
    if (!config->aliases.items || !pin.name || !pin.slug) {
        free((char *)pin.name);
        free((char *)pin.slug);
        return no_memory(err);
    }
    free((char *)config->aliases.items[i].name);
    free((char *)config->aliases.items[i].slug);
    config->aliases.items[i] = pin;
    if (i == config->aliases.count)
        config->aliases.count++;
    *ret_index = i;
    return 0;
}

static int given_twice(const char *place, const char *name, size_t line, conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_RANGE, "%s: '%s' was given in line %zu already", place, name, line);
}

static int file_value(void *context, const char *section, const char *name, const char *value,
                      const struct ini_place *at, conch_error *err)
{
    struct loader *loader = context;
    char where[400], text[600];
    size_t index = 0;
    snprintf(where, sizeof where, "%.300s:%zu", at->document, at->line);
    if (strcmp(section, "aliases") == 0) {
        const size_t before = loader->config.aliases.count;
        const int rc = alias_set(&loader->config, name, value, where, &index, err);
        if (rc == 0 && index < before)
            return given_twice(where, name, loader->alias_lines[index], err);
        if (rc == 0)
            loader->alias_lines[index] = at->line;
        return rc;
    }
    if (!config_section_help(section))
        return section_unknown(where, section, err);
    const struct config_key *key = key_find(section, name, &index);
    if (!key)
        return key_unknown(where, section, name, err);
    if (loader->lines[index])
        return given_twice(where, name, loader->lines[index], err);
    loader->lines[index] = at->line;
    snprintf(text, sizeof text, "%s: [%s] %s", where, section, name);
    return config_value_set(&loader->config, key, value, &(struct config_place){text, loader->home}, err);
}

static int file_load(struct loader *loader, const char *path, conch_error *err)
{
    struct buf text;
    buf_init(&text, CONFIG_FILE_BYTES_MAX);
    int rc = file_read(&text, path, err);
    if (rc == 0)
        rc = ini_read(text.data ? text.data : "", text.size, path, file_value, loader, err);
    if (rc == 0) {
        free(loader->config.path);
        loader->config.path = strdup(path);
        rc = loader->config.path ? 0 : no_memory(err);
    }
    buf_finish(&text);
    return rc;
}

/* Reads FOLDER/conch/server.ini when it is there. */
static int file_load_from(struct loader *loader, const char *folder, size_t folder_size, bool *ret_found,
                          conch_error *err)
{
    char *path = NULL;
    int rc = 0;
    if (folder_size == 0 || folder[0] != '/') /* XDG: what is not absolute is ignored */
        return 0;
    if (asprintf(&path, "%.*s/conch/server.ini", (int)size_min(folder_size, 4096), folder) < 0)
        return no_memory(err);
    if (file_exists(path)) {
        *ret_found = true;
        rc = file_load(loader, path, err);
    }
    free(path);
    return rc;
}

static int file_find(struct loader *loader, conch_error *err)
{
    const char *user = environment_get(loader, "XDG_CONFIG_HOME"), *system = environment_get(loader, "XDG_CONFIG_DIRS");
    char *home_config = NULL;
    bool found = false;
    if ((!user || !*user) && loader->home && asprintf(&home_config, "%s/.config", loader->home) < 0)
        return no_memory(err);
    if (home_config)
        user = home_config;
    int rc = user ? file_load_from(loader, user, strlen(user), &found, err) : 0;
    if (!system || !*system)
        system = "/etc/xdg:/etc";
    while (rc == 0 && !found && *system) {
        const size_t size = strcspn(system, ":");
        rc = file_load_from(loader, system, size, &found, err);
        system += size + (system[size] == ':');
    }
    free(home_config);
    return rc;
}

/* CONCH_SERVER_LISTEN of server.listen. */
static void environment_name(char *out, size_t size, const struct config_key *key)
{
    snprintf(out, size, "%s%s_%s", environment_prefix, key->section, key->key);
    for (char *c = out; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
}

static int strange_add(struct config_list *list, const char *name, size_t size, conch_error *err)
{
    if (list->count == STRANGE_MAX)
        return 0;
    if (!list->items)
        list->items = calloc(STRANGE_MAX, sizeof *list->items);
    char *copy = list->items ? strndup(name, size) : NULL;
    if (!copy)
        return no_memory(err);
    list->items[list->count++] = copy;
    return 0;
}

static bool begins_like_a_section(const char *name, size_t size)
{
    for (size_t i = 0; config_section(i); i++) {
        const char *section = config_section(i);
        const size_t length = strlen(section), prefix = sizeof environment_prefix - 1;
        if (size > prefix + length && strncasecmp(name + prefix, section, length) == 0 && name[prefix + length] == '_')
            return true;
    }
    return false;
}

static int environment_value(struct loader *loader, const char *name, size_t size, const char *value, conch_error *err)
{
    char wanted[128], text[160];
    size_t count;
    const struct config_key *keys = config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        environment_name(wanted, sizeof wanted, &keys[i]);
        if (strlen(wanted) != size || strncmp(name, wanted, size) != 0)
            continue;
        snprintf(text, sizeof text, "environment variable %s", wanted);
        return config_value_set(&loader->config, &keys[i], value, &(struct config_place){text, loader->home}, err);
    }
    return begins_like_a_section(name, size) ? strange_add(&loader->config.strange, name, size, err) : 0;
}

static int environment_load(struct loader *loader, conch_error *err)
{
    int rc = 0;
    for (char *const *at = loader->settings->environment; at && *at && rc == 0; at++) {
        const size_t size = strcspn(*at, "=");
        if ((*at)[size] == '=' && text_begins(*at, environment_prefix))
            rc = environment_value(loader, *at, size, *at + size + 1, err);
    }
    return rc;
}

/* Visible ASCII: it travels in a header. Empty counts as not set, as containers pass such. */
static int admin_key_load(struct loader *loader, conch_error *err)
{
    const char *value = environment_get(loader, admin_key_name);
    const size_t size = value ? strlen(value) : 0;
    bool visible = true;
    for (size_t i = 0; i < size; i++)
        visible = visible && value[i] > ' ' && value[i] < 0x7f;
    if (size > 0 && (size < CONFIG_ADMIN_KEY_CHARS_MIN || size > CONFIG_ADMIN_KEY_CHARS_MAX || !visible))
        return conch_error_set(
            err, CONCH_ERR_RANGE,
            "environment variable %s: %zu characters; wanted %d to %d visible ones of ASCII, no spaces", admin_key_name,
            size, CONFIG_ADMIN_KEY_CHARS_MIN, CONFIG_ADMIN_KEY_CHARS_MAX);
    loader->config.admin_key = strdup(value ? value : "");
    return loader->config.admin_key ? 0 : no_memory(err);
}

static int override_load(struct loader *loader, const struct config_override *given, conch_error *err)
{
    char section[INI_NAME_BYTES_MAX + 1], place[300];
    const char *dot = strchr(given->name, '.');
    size_t index;
    if (given->option)
        snprintf(place, sizeof place, "%.200s", given->option);
    else
        snprintf(place, sizeof place, "--set %.200s", given->name);
    if (!dot || dot == given->name || (size_t)(dot - given->name) >= sizeof section)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s: wanted SECTION.KEY=VALUE, as server.threads=8", place);
    memcpy(section, given->name, (size_t)(dot - given->name));
    section[dot - given->name] = 0;
    if (strcmp(section, "aliases") == 0)
        return alias_set(&loader->config, dot + 1, given->value, place, &index, err);
    if (!config_section_help(section))
        return section_unknown(place, section, err);
    const struct config_key *key = key_find(section, dot + 1, &index);
    if (!key)
        return key_unknown(place, section, dot + 1, err);
    return config_value_set(&loader->config, key, given->value, &(struct config_place){place, loader->home}, err);
}

static int standards_load(struct config *config, conch_error *err)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);
    int rc = 0;
    assert(count <= KEYS_MAX);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = config_value_set(config, &keys[i], keys[i].standard, &(struct config_place){keys[i].key, NULL}, err);
    return rc;
}

static int data_folder_complete(struct loader *loader, conch_error *err)
{
    char **data = &loader->config.server.data, *path = NULL;
    const char *folder = environment_get(loader, "XDG_DATA_HOME");
    if (**data)
        return 0;
    const bool named = folder && folder[0] == '/';
    if (!named && !loader->home)
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "[server] data is not set, and neither XDG_DATA_HOME nor HOME says where data belongs");
    if (asprintf(&path, named ? "%s/conch" : "%s/.local/share/conch", named ? folder : loader->home) < 0)
        return no_memory(err);
    free(*data);
    *data = path;
    return 0;
}

static void slashes_cut(char *url)
{
    for (size_t size = strlen(url); size > 0 && url[size - 1] == '/'; size--)
        url[size - 1] = 0;
}

/* What only several keys together can show. */
static int config_check(const struct config *c, conch_error *err)
{
    if (c->optimizer.mode == CONFIG_OPTIMIZER_CHAT && (!*c->optimizer.chat_url || !*c->optimizer.chat_model))
        return conch_error_set(err, CONCH_ERR_RANGE, "[optimizer] mode chat wants chat_url and chat_model as well");
    if (c->credits.order.count == 0 && (c->sandbox.charge || c->credits.charge_local))
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "[credits] order is empty, but jobs are charged for: it wants some of package, credits, "
                               "payg");
    if (!*c->server.tls_certificate != !*c->server.tls_key)
        return conch_error_set(err, CONCH_ERR_RANGE, "[server] %s is set and %s is not: TLS needs both",
                               *c->server.tls_key ? "tls_key" : "tls_certificate",
                               *c->server.tls_key ? "tls_certificate" : "tls_key");
    if (c->safety.policy == CONFIG_POLICY_HTTP && !*c->safety.classifier_url)
        return conch_error_set(err, CONCH_ERR_RANGE, "[safety] policy http wants classifier_url as well");
    if (c->server.body_bytes_max > c->server.inflight_bytes_max)
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "[server] inflight_bytes_max %s is less than body_bytes_max %s: one body would not fit",
                               text_bytes_write(c->server.inflight_bytes_max).text,
                               text_bytes_write(c->server.body_bytes_max).text);
    if (c->server.upload_bytes_max > c->server.spool_bytes_max)
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "[server] spool_bytes_max %s is less than upload_bytes_max %s: one upload would not fit",
                               text_bytes_write(c->server.spool_bytes_max).text,
                               text_bytes_write(c->server.upload_bytes_max).text);
    return 0;
}

static int layers_load(struct loader *loader, conch_error *err)
{
    const struct config_settings *settings = loader->settings;
    loader->config.path = strdup("");
    int rc = loader->config.path ? standards_load(&loader->config, err) : no_memory(err);
    if (rc == 0)
        rc = settings->path ? file_load(loader, settings->path, err) : file_find(loader, err);
    if (rc == 0)
        rc = environment_load(loader, err);
    if (rc == 0)
        rc = admin_key_load(loader, err);
    for (size_t i = 0; i < settings->override_count && rc == 0; i++)
        rc = override_load(loader, &settings->overrides[i], err);
    if (rc == 0)
        rc = data_folder_complete(loader, err);
    if (rc < 0)
        return rc;
    slashes_cut(loader->config.server.public_url);
    slashes_cut(loader->config.optimizer.chat_url);
    return config_check(&loader->config, err);
}

int config_load(struct config *ret, const struct config_settings *settings, conch_error *err)
{
    struct loader *loader = calloc(1, sizeof *loader);
    if (!loader)
        return no_memory(err);
    loader->settings = settings;
    loader->home = environment_get(loader, "HOME");
    if (loader->home && !*loader->home)
        loader->home = NULL;
    const int rc = layers_load(loader, err);
    if (rc < 0)
        config_finish(&loader->config);
    else
        *ret = loader->config;
    free(loader);
    return rc;
}

void config_finish(struct config *config)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);
    for (size_t i = 0; i < count; i++)
        config_value_clear(config, &keys[i]);
    for (size_t i = 0; i < config->aliases.count; i++) {
        free((char *)config->aliases.items[i].name);
        free((char *)config->aliases.items[i].slug);
    }
    for (size_t i = 0; i < config->strange.count; i++)
        free(config->strange.items[i]);
    free(config->aliases.items);
    free(config->strange.items);
    free(config->admin_key);
    free(config->path);
    *config = (struct config){0};
}
