/* The options of a command as one table: it parses the command line into a struct, and it writes the help.
 *
 * "--name VALUE", "--name=VALUE", "-n VALUE", "-nVALUE"; options and other words may be mixed; after "--" everything is
 * a word. Values are checked here as far as the table says; an unknown name is answered with the nearest one. */
#ifndef CLI_OPTION_H
#define CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conch/error.h"

enum option_kind {
    OPTION_FLAG,    /* bool; takes no value */
    OPTION_TEXT,    /* const char *, pointing into argv */
    OPTION_WHOLE,   /* int, min .. max */
    OPTION_NUMBER,  /* double, above 0 .. max */
    OPTION_SEED,    /* struct option_seed */
    OPTION_BYTES,   /* uint64_t, from "4G", "512M", "100000"; above 0 */
    OPTION_SIZE,    /* struct option_size, from "192x128" */
    OPTION_LIST,    /* struct option_list: may be given several times */
    OPTION_HEADING, /* no option: a line of the help that starts a group */
};

struct option_seed {
    bool given;
    uint64_t value; /* 0 .. 2^63 - 1, so that every JSON reader can hold it */
};

struct option_size {
    int width, height; /* 1 .. 100000 */
};

enum { OPTION_LIST_MAX = 64 };

struct option_list {
    const char *item[OPTION_LIST_MAX]; /* pointing into argv, in the order given */
    size_t count;
};

struct option {
    const char *name; /* without the dashes; NULL ends a table */
    char letter;      /* 0: none */
    enum option_kind kind;
    size_t offset;        /* of the field in the settings struct */
    const char *argument; /* name of the value in the help: FILE, WxH */
    const char *help;
    double min, max; /* OPTION_WHOLE, OPTION_NUMBER */
};

enum { OPTION_WORDS_MAX = 64 };

struct option_words {
    const char *word[OPTION_WORDS_MAX];
    size_t count;
};

/* Fills settings (the struct that the offsets speak of) and the remaining words from argv[0 .. argc-1]. An option given
 * twice takes the later value, but for OPTION_LIST. CONCH_ERR_RANGE. */
int option_parse(const struct option *table, int argc, const char *const *argv, void *settings,
                 struct option_words *ret_words, conch_error *err);

/* One line an option, wrapped at 100 columns. */
void option_print(const struct option *table, FILE *out);

/* One value as the table of an option would take it; name is for the error text ("--memory"). */
int option_parse_bytes(const char *text, const char *name, uint64_t *ret_bytes, conch_error *err);

/* The entry of names[0 .. count-1] that text is most likely a slip of; NULL when none is near. */
const char *option_nearest(const char *text, const char *const *names, size_t count);

#endif
