/* The table of keys behind config.h, and the values of its types. Private to the configuration. */
#ifndef SERVER_CONFIG_KEYS_H
#define SERVER_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/config.h"

enum config_type {
    CONFIG_BOOL,     /* bool: true, false, yes, no, on, off, 1, 0 */
    CONFIG_INT,      /* int64_t */
    CONFIG_BYTES,    /* int64_t, "64M" */
    CONFIG_DURATION, /* int64_t of milliseconds, "30s" */
    CONFIG_ENUM,     /* int, the place of the word in `words` */
    CONFIG_TEXT,     /* char * */
    CONFIG_PATH,     /* char *; ~/ at the beginning is the home folder */
    CONFIG_LIST,     /* struct config_list, commas between */
    CONFIG_PATHS,    /* struct config_list of paths */
};

struct config_key {
    const char *section, *key;
    enum config_type type;
    size_t offset;                   /* in struct config */
    int64_t min, max;                /* of numbers; of texts their bytes, max 0 is 4096 */
    const char *words;               /* of an enum: "local chat off" */
    bool (*check)(const char *text); /* of a text, or of each of a list; never asked about "" */
    const char *wanted;              /* what check wants, for error texts */
    const char *standard;            /* the default, as a file would have it */
    bool secret;
    const char *help;
};

/* In the order of the file. */
const struct config_key *config_keys(size_t *ret_count);

/* Help of a section; NULL when there is no such section. */
const char *config_section_help(const char *section);

/* One of the sections by number; NULL after the last. */
const char *config_section(size_t index);

/* Where a value comes from, for error texts: "conch.ini:12: [server] threads". */
struct config_place {
    const char *text;
    const char *home; /* for ~/; NULL: unknown */
};

/* Sets one value. CONCH_ERR_RANGE names place, value (but not a secret one) and what is allowed; CONCH_ERR_NOMEM. */
int config_value_set(struct config *config, const struct config_key *key, const char *value,
                     const struct config_place *place, conch_error *err);

/* Frees what the value holds. */
void config_value_clear(struct config *config, const struct config_key *key);

/* Appends the value as a file would have it; a secret one as its last four characters. */
int config_value_write(const struct config *config, const struct config_key *key, struct buf *buf, conch_error *err);

/* Appends what is allowed: "1 to 64", "local, chat or off". Nothing for a text without rules. */
int config_allowed_write(const struct config_key *key, struct buf *buf, conch_error *err);

#endif
