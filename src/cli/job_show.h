/* How jobs look to a person, and the words that name one. */
#ifndef CLI_JOB_SHOW_H
#define CLI_JOB_SHOW_H

#include <jansson.h>
#include <stdio.h>

#include "cli/clean.h"
#include "cli/option.h"

/* All that is worth knowing, a line each. */
void job_show(const json_t *job, FILE *out);

/* One line of a table, and its head. */
void job_show_row(const json_t *job, FILE *out);
void job_show_head(FILE *out);

/* "2026-11-22 09:15" in local time; "-" for what is no moment. */
struct job_show_time {
    char text[24];
};
struct job_show_time job_show_time(const char *rfc3339);

/* A short text of the server, safe to print; "-" for none. */
struct job_show_word {
    char text[80];
};
struct job_show_word job_show_word(const json_t *object, const char *key);

/* A JSON value on one line, or (indented) over several, and a line break. CONCH_ERR_IO when nobody reads. */
int job_show_json(const json_t *json, bool indented, conch_error *err);

/* The one id among the words of a command. CONCH_ERR_RANGE; command is for the text. */
int job_show_id(const struct option_words *words, const char *command, const char **ret_id, conch_error *err);

#endif
