#include <string.h>

#include "server/config_keys.h"

enum { COLUMNS = 100 };

/* text as comment lines of at most COLUMNS; a line break in it stays. */
static int comment_write(struct buf *buf, const char *text, conch_error *err)
{
    int rc = 0;
    while (*text && rc == 0) {
        size_t size = strcspn(text, "\n");
        if (size > COLUMNS) {
            size = COLUMNS;
            while (size > 0 && text[size] != ' ')
                size--;
            if (size == 0)
                size = strcspn(text, " \n");
        }
        rc = buf_append_format(buf, err, "%s%.*s\n", *text == '#' ? "" : "# ", (int)size, text);
        text += size + (text[size] == ' ' || text[size] == '\n');
    }
    return rc;
}

static int key_write(struct buf *buf, const struct config_key *key, conch_error *err)
{
    struct buf help;
    buf_init(&help, 4096);
    int rc = buf_append_text(&help, key->help, err);
    const size_t before = help.size;
    if (rc == 0)
        rc = buf_append_text(&help, " Allowed: ", err);
    const size_t begun = help.size;
    if (rc == 0)
        rc = config_allowed_write(key, &help, err);
    if (rc == 0 && (help.size == begun || key->type == CONFIG_BOOL))
        help.data[help.size = before] = 0;
    else if (rc == 0)
        rc = buf_append_text(&help, ".", err);
    if (rc == 0)
        rc = comment_write(buf, help.data, err);
    if (rc == 0)
        rc = buf_append_format(buf, err, "#%s =%s%s\n\n", key->key, *key->standard ? " " : "", key->standard);
    buf_finish(&help);
    return rc;
}

static int section_write(struct buf *buf, const char *section, conch_error *err)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);
    int rc = comment_write(buf, config_section_help(section), err);
    if (rc == 0)
        rc = buf_append_format(buf, err, "[%s]\n\n", section);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (strcmp(keys[i].section, section) == 0)
            rc = key_write(buf, &keys[i], err);
    return rc;
}

int config_print(struct buf *buf, conch_error *err)
{
    int rc = comment_write(
        buf,
        "Configuration of conch serve: conch/server.ini in ~/.config or /etc, or --config FILE.\n"
        "Every key is here with its default; to change one, take the # away. Sizes are written 512K, 64M or 4G, times "
        "250ms, 30s, 5m, 12h or 7d, lists with commas; a comment has a line of its own.\n"
        "A key can be set in the environment too: CONCH_SERVER_LISTEN is listen in [server]. The command line goes "
        "before the environment, and that before this file.",
        err);
    if (rc == 0)
        rc = buf_append_text(buf, "\n", err);
    for (size_t i = 0; config_section(i) && rc == 0; i++)
        rc = section_write(buf, config_section(i), err);
    return rc;
}

int config_write(const struct config *config, struct buf *buf, conch_error *err)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = buf_append_format(buf, err, "%s.%s = ", keys[i].section, keys[i].key);
        if (rc == 0)
            rc = config_value_write(config, &keys[i], buf, err);
        if (rc == 0)
            rc = buf_append_text(buf, "\n", err);
    }
    for (size_t i = 0; i < config->aliases.count && rc == 0; i++)
        rc = buf_append_format(buf, err, "aliases.%s = %s\n", config->aliases.items[i].name,
                               config->aliases.items[i].slug);
    return rc;
}
