/* What `conch generate` says while it works: a status line on a terminal, a line a phase elsewhere, or JSON events. */
#ifndef CLI_GENERATE_REPORT_H
#define CLI_GENERATE_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/rates.h"
#include "conch/engine.h"

struct report {
    bool json, quiet, terminal;
    bool line_open; /* a status line stands on the terminal */
    bool broken;    /* nobody reads the events any more */
    enum conch_phase phase;
    bool phase_known;
    int step;
    int64_t drawn_ns; /* when the status line was last written */
};

void report_init(struct report *report, bool json, bool quiet);

/* One event, `fields` is taken over. CONCH_ERR_IO when standard output is closed. */
int report_event(struct report *report, const char *name, json_t *fields);

/* The status line of a terminal, written over the one before. */
struct report_line {
    const char *what; /* at most 20 characters line up */
    int step, step_count;
    double fraction;
    double seconds_left; /* below 0: not known */
};
void report_line(struct report *report, const struct report_line *line);
/* The same with a text alone, cut to the terminal's width. */
void report_status(struct report *report, const char *text);
void report_line_clear(struct report *report);

/* What a clip is made of; strings may be NULL. */
struct report_job {
    const char *model, *prompt, *clip_path, *frames_dir;
    const char *precision;
    uint64_t seed;
    const conch_plan *plan;
    conch_engine_facts facts;
};

void report_started(struct report *report, const struct report_job *job);

/* The plan: as an event, or (print) as a table on standard output. */
void report_plan(struct report *report, const conch_plan *plan, const struct rates *rates, bool print);

/* CONCH_ERR_IO as report_event. */
int report_progress(struct report *report, const conch_progress *progress);
void report_preview(struct report *report, int step, const char *path);
void report_latent(struct report *report, const char *path);
void report_warning(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct report_result {
    const char *clip_path, *frames_dir, *latent_path; /* NULL: none */
    uint64_t clip_bytes, seed;
    int frame_count, fps;
    double seconds; /* taken */
};
void report_done(struct report *report, const struct report_result *result);

/* The one line of an error (on stderr) and its event. Returns the exit code. */
int report_error(struct report *report, const conch_error *err, const char *latent_path);

#endif
