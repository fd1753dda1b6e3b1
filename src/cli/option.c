#include "cli/option.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { NAME_BYTES_MAX = 64, OPTIONS_MAX = 64, HELP_COLUMNS = 100, HELP_INDENT = 27 };

static int value_error(const char *name, const char *text, const char *allowed, conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_RANGE, "%s: '%s' is not allowed (%s)", name, text, allowed);
}

static int parse_whole(const struct option *option, const char *name, const char *text, int *ret, conch_error *err)
{
    char allowed[64], *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || (double)value < option->min || (double)value > option->max) {
        snprintf(allowed, sizeof allowed, "a whole number, %.0f to %.0f", option->min, option->max);
        return value_error(name, text, allowed, err);
    }
    *ret = (int)value;
    return 0;
}

static int parse_number(const struct option *option, const char *name, const char *text, double *ret, conch_error *err)
{
    char allowed[64], *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value <= 0 || value > option->max) {
        snprintf(allowed, sizeof allowed, "a number above 0, at most %g", option->max);
        return value_error(name, text, allowed, err);
    }
    *ret = value;
    return 0;
}

static int parse_seed(const char *name, const char *text, struct option_seed *ret, conch_error *err)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < 0)
        return value_error(name, text, "a whole number, 0 to 9223372036854775807", err);
    *ret = (struct option_seed){.given = true, .value = (uint64_t)value};
    return 0;
}

int option_parse_bytes(const char *text, const char *name, uint64_t *ret_bytes, conch_error *err)
{
    static const char allowed[] = "a number of bytes such as 800M or 4G";
    char *end;
    double value = strtod(text, &end);
    int shift = 0;
    switch (end > text ? *end : 'x') {
    case 0: break;
    case 'k':
    case 'K': shift = 10; break;
    case 'm':
    case 'M': shift = 20; break;
    case 'g':
    case 'G': shift = 30; break;
    case 't':
    case 'T': shift = 40; break;
    default: return value_error(name, text, allowed, err);
    }
    if (shift && strcmp(end + 1, "") != 0 && strcmp(end + 1, "B") != 0 && strcmp(end + 1, "iB") != 0)
        return value_error(name, text, allowed, err);
    value = ldexp(value, shift);
    if (!(value >= 1 && value < 0x1p62))
        return value_error(name, text, allowed, err);
    *ret_bytes = (uint64_t)value;
    return 0;
}

static int parse_size(const char *name, const char *text, struct option_size *ret, conch_error *err)
{
    char *end, *end2;
    errno = 0;
    long width = strtol(text, &end, 10);
    if (errno || end == text || (*end != 'x' && *end != 'X') || end[1] < '0' || end[1] > '9')
        return value_error(name, text, "WIDTHxHEIGHT in pixels, such as 192x128", err);
    long height = strtol(end + 1, &end2, 10);
    if (errno || *end2 || width < 1 || height < 1 || width > 100000 || height > 100000)
        return value_error(name, text, "WIDTHxHEIGHT in pixels, such as 192x128", err);
    *ret = (struct option_size){(int)width, (int)height};
    return 0;
}

static int list_add(const char *name, const char *text, struct option_list *list, conch_error *err)
{
    if (list->count == OPTION_LIST_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s was given more than %d times", name, OPTION_LIST_MAX);
    list->item[list->count++] = text;
    return 0;
}

static int option_set(const struct option *option, const char *name, const char *value, void *settings,
                      conch_error *err)
{
    void *field = (char *)settings + option->offset;
    switch (option->kind) {
    case OPTION_FLAG: *(bool *)field = true; return 0;
    case OPTION_TEXT: *(const char **)field = value; return 0;
    case OPTION_WHOLE: return parse_whole(option, name, value, field, err);
    case OPTION_NUMBER: return parse_number(option, name, value, field, err);
    case OPTION_SEED: return parse_seed(name, value, field, err);
    case OPTION_BYTES: return option_parse_bytes(value, name, field, err);
    case OPTION_SIZE: return parse_size(name, value, field, err);
    case OPTION_LIST: return list_add(name, value, field, err);
    case OPTION_HEADING: break;
    }
    assert(!"a heading is never matched");
    return CONCH_ERR_INTERNAL;
}

/* Edits (a letter more, less, other, or two swapped) from a to b; both shorter than NAME_BYTES_MAX. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][NAME_BYTES_MAX + 1] = {{0}};
    size_t a_length = strlen(a), b_length = strlen(b);
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = size_min(size_min(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = size_min(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

const char *option_nearest(const char *text, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t length = strlen(text), best_distance = 0;
    if (length == 0 || length >= NAME_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t edits = strncmp(names[i], text, length) == 0 ? 1 : distance(text, names[i]); /* or only begun */
        if (edits <= 1 + length / 4 && (!best || edits < best_distance)) {
            best = names[i];
            best_distance = edits;
        }
    }
    return best;
}

static int unknown_option(const struct option *table, const char *name, conch_error *err)
{
    const char *names[OPTIONS_MAX];
    size_t count = 0;
    for (const struct option *o = table; o->name; o++)
        if (o->kind != OPTION_HEADING && count < OPTIONS_MAX)
            names[count++] = o->name;
    const char *nearest = option_nearest(name, names, count);
    if (nearest)
        return conch_error_set(err, CONCH_ERR_RANGE, "unknown option --%s; did you mean --%s?", name, nearest);
    return conch_error_set(err, CONCH_ERR_RANGE, "unknown option --%s; --help lists the options", name);
}

static const struct option *find_long(const struct option *table, const char *name, size_t length)
{
    for (const struct option *o = table; o->name; o++)
        if (o->kind != OPTION_HEADING && strncmp(o->name, name, length) == 0 && o->name[length] == 0)
            return o;
    return NULL;
}

static const struct option *find_letter(const struct option *table, char letter)
{
    for (const struct option *o = table; o->name; o++)
        if (o->kind != OPTION_HEADING && o->letter == letter)
            return o;
    return NULL;
}

/* One word that begins with a dash; *at is its index and moves on when the value is the next word. */
static int parse_one(const struct option *table, int argc, const char *const *argv, int *at, void *settings,
                     conch_error *err)
{
    const char *word = argv[*at], *value = NULL;
    char name[NAME_BYTES_MAX];
    const struct option *option;
    if (word[1] == '-') {
        size_t length = strcspn(word + 2, "=");
        option = find_long(table, word + 2, length);
        snprintf(name, sizeof name, "%.*s", (int)size_min(length, sizeof name - 1), word + 2);
        if (!option)
            return unknown_option(table, name, err);
        if (word[2 + length])
            value = word + 2 + length + 1;
    } else {
        option = find_letter(table, word[1]);
        if (!option)
            return conch_error_set(err, CONCH_ERR_RANGE, "unknown option -%c; --help lists the options", word[1]);
        if (word[2])
            value = word + 2;
    }
    snprintf(name, sizeof name, "--%s", option->name);
    if (option->kind == OPTION_FLAG && value)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s takes no value, but was given '%s'", name, value);
    if (option->kind != OPTION_FLAG && !value) {
        if (*at + 1 >= argc)
            return conch_error_set(err, CONCH_ERR_RANGE, "%s needs a value (%s)", name, option->argument);
        value = argv[++*at];
    }
    return option_set(option, name, value, settings, err);
}

int option_parse(const struct option *table, int argc, const char *const *argv, void *settings,
                 struct option_words *ret_words, conch_error *err)
{
    struct option_words words = {.count = 0};
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (only_words || argv[i][0] != '-' || argv[i][1] == 0) {
            if (words.count == OPTION_WORDS_MAX)
                return conch_error_set(err, CONCH_ERR_RANGE, "more than %d words; put the prompt in quotes",
                                       OPTION_WORDS_MAX);
            words.word[words.count++] = argv[i];
        } else {
            int rc = parse_one(table, argc, argv, &i, settings, err);
            if (rc < 0)
                return rc;
        }
    }
    *ret_words = words;
    return 0;
}

/* text in lines of HELP_COLUMNS, the first of which already has `column` columns. */
static void print_wrapped(FILE *out, const char *text, int column)
{
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > HELP_INDENT && column + 1 + length > HELP_COLUMNS) {
            fprintf(out, "\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        }
        column += fprintf(out, "%s%.*s", column > HELP_INDENT ? " " : "", length, text);
        text += length + (text[length] == ' ');
    }
    fputc('\n', out);
}

void option_print(const struct option *table, FILE *out)
{
    for (const struct option *o = table; o->name; o++) {
        if (o->kind == OPTION_HEADING) {
            fprintf(out, "\n%s\n", o->name);
            continue;
        }
        int column = o->letter ? fprintf(out, "  -%c, ", o->letter) : fprintf(out, "  ");
        column += fprintf(out, "--%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        if (column >= HELP_INDENT - 1) {
            fputc('\n', out);
            column = 0;
        }
        column += fprintf(out, "%*s", HELP_INDENT - column, "");
        print_wrapped(out, o->help, column);
    }
}
