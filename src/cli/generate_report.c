#include "cli/generate_report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/clean.h"
#include "cli/exit_code.h"
#include "cli/style.h"

enum { REDRAW_NS = 100 * 1000 * 1000, BAR_CELLS = 24, LINE_COLUMNS = 54 }; /* LINE_COLUMNS: of all but the bar */

/* NULL gives no key at all; text that is not UTF-8 (a file name) has its odd bytes replaced. */
static void set_text(json_t *object, const char *key, const char *text)
{
    if (!text)
        return;
    json_t *value = json_string(text);
    if (!value) {
        char *copy = strdup(text);
        for (unsigned char *c = (unsigned char *)copy; c && *c; c++)
            if (*c >= 0x80)
                *c = '?';
        value = json_string(copy ? copy : "");
        free(copy);
    }
    json_object_set_new(object, key, value);
}

static void set_whole(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_number(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, json_real(value));
}

void report_init(struct report *report, bool json, bool quiet)
{
    *report = (struct report){.json = json, .quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1};
}

int report_event(struct report *report, const char *name, json_t *fields)
{
    json_t *event = json_object();
    set_text(event, "event", name);
    json_object_update(event, fields);
    char *line = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (!line || printf("%s\n", line) < 0 || fflush(stdout) != 0)
        report->broken = true;
    free(line);
    json_decref(event);
    json_decref(fields);
    return report->broken ? CONCH_ERR_IO : 0;
}

void report_line_clear(struct report *report)
{
    if (report->line_open)
        fputs("\r\033[K", stderr);
    report->line_open = false;
}

static bool talks(const struct report *report)
{
    return !report->json && !report->quiet;
}

void report_started(struct report *report, const struct report_job *job)
{
    const conch_plan *plan = job->plan;
    double length = plan->fps ? (double)plan->frame_count / plan->fps : 0;
    if (report->json) {
        json_t *event = json_object();
        set_text(event, "version", CONCH_VERSION);
        set_text(event, "model", job->model);
        set_text(event, "prompt", job->prompt);
        set_whole(event, "seed", job->seed);
        set_whole(event, "width", (uint64_t)plan->width);
        set_whole(event, "height", (uint64_t)plan->height);
        set_whole(event, "frames", (uint64_t)plan->frame_count);
        set_whole(event, "fps", (uint64_t)plan->fps);
        set_number(event, "duration_s", length);
        if (plan->step_count) {
            set_whole(event, "steps", (uint64_t)plan->step_count);
            set_number(event, "guidance", plan->guidance);
            set_number(event, "shift", plan->shift);
            set_text(event, "sampler", plan->sampler);
        }
        set_text(event, "precision", job->precision);
        set_text(event, "kernels", job->facts.kernels);
        set_whole(event, "threads", job->facts.threads);
        set_text(event, "output", job->clip_path);
        set_text(event, "frames_dir", job->frames_dir);
        report_event(report, "started", event);
    }
    if (!talks(report))
        return;
    fprintf(stderr, "%s, %dx%d, %d frames (%s s at %d fps)", job->model, plan->width, plan->height, plan->frame_count,
            style_seconds(length).text, plan->fps);
    if (plan->step_count)
        fprintf(stderr, ", %d steps", plan->step_count);
    fprintf(stderr, ", seed %llu\n", (unsigned long long)job->seed);
}

/* Seconds that the rest will take at these rates; -1 when a needed one is not known. */
static double estimate(const conch_plan *plan, const struct rates *rates)
{
    double seconds = 0;
    for (int phase = 0; phase < CONCH_PHASE_COUNT; phase++) {
        if (plan->phase_gflop[phase] <= 0)
            continue;
        if (rates->gflop_per_s[phase] <= 0)
            return -1;
        seconds += plan->phase_gflop[phase] / rates->gflop_per_s[phase];
    }
    return seconds;
}

static void plan_event(struct report *report, const conch_plan *plan, double seconds)
{
    json_t *event = json_object(), *phases = json_array();
    for (int phase = 0; phase < CONCH_PHASE_COUNT; phase++) {
        json_t *entry = json_object();
        if (plan->phase_bytes[phase] == 0 && plan->phase_gflop[phase] <= 0) {
            json_decref(entry);
            continue;
        }
        set_text(entry, "phase", conch_phase_name((enum conch_phase)phase));
        set_whole(entry, "bytes", plan->phase_bytes[phase]);
        set_number(entry, "gflop", plan->phase_gflop[phase]);
        json_array_append_new(phases, entry);
    }
    json_object_set_new(event, "phases", phases);
    set_whole(event, "base_bytes", plan->base_bytes);
    set_whole(event, "peak_bytes", plan->peak_bytes);
    set_whole(event, "mapped_bytes", plan->mapped_bytes);
    set_whole(event, "available_bytes", plan->available_bytes);
    json_object_set_new(event, "streamed", json_boolean(plan->streamed));
    set_whole(event, "tokens", plan->tokens);
    json_object_set_new(event, "latent",
                        json_pack("[i,i,i]", plan->latent_frames, plan->latent_height, plan->latent_width));
    set_whole(event, "width", (uint64_t)plan->width);
    set_whole(event, "height", (uint64_t)plan->height);
    set_whole(event, "frames", (uint64_t)plan->frame_count);
    set_whole(event, "fps", (uint64_t)plan->fps);
    set_whole(event, "steps", (uint64_t)plan->step_count);
    set_whole(event, "prompt_tokens", plan->prompt_tokens);
    set_whole(event, "prompt_tokens_cut", plan->prompt_tokens_cut);
    if (seconds >= 0)
        set_number(event, "estimated_s", seconds);
    report_event(report, "plan", event);
}

static void plan_print(const conch_plan *plan, double seconds)
{
    static const char *const names[] = {[CONCH_PHASE_TEXT] = "text encoder",
                                        [CONCH_PHASE_IMAGE] = "picture encoder",
                                        [CONCH_PHASE_DENOISE] = "transformer",
                                        [CONCH_PHASE_DECODE] = "video decoder"};
    printf("clip             %dx%d, %d frames, %s s at %d fps\n", plan->width, plan->height, plan->frame_count,
           style_seconds((double)plan->frame_count / plan->fps).text, plan->fps);
    printf("denoising        %d steps of %s, guidance %g, shift %g\n", plan->step_count, plan->sampler, plan->guidance,
           plan->shift);
    printf("latent           %dx%d, %d frames: %zu tokens a pass\n", plan->latent_width, plan->latent_height,
           plan->latent_frames, plan->tokens);
    printf("prompt           %zu tokens%s\n", plan->prompt_tokens,
           plan->text_cached[0] ? ", its encoding is in the cache" : "");
    printf("\n%-16s %12s %14s\n", "", "memory", "work");
    for (int phase = 0; phase < CONCH_PHASE_COUNT; phase++)
        if (plan->phase_bytes[phase] || plan->phase_gflop[phase] > 0)
            printf("%-16s %12s %8.*f GFLOP\n", names[phase], style_bytes(plan->phase_bytes[phase]).text,
                   plan->phase_gflop[phase] < 100 ? 1 : 0, plan->phase_gflop[phase]);
    printf("%-16s %12s\n", "all through", style_bytes(plan->base_bytes).text);
    printf("%-16s %12s of %s\n", "peak", style_bytes(plan->peak_bytes).text, style_bytes(plan->available_bytes).text);
    printf("%-16s %12s (files that stay mapped; their pages are the system's to drop)\n", "mapped",
           style_bytes(plan->mapped_bytes).text);
    if (plan->streamed)
        printf("transformer blocks are prepared anew for every pass, to fit\n");
    if (seconds >= 0)
        printf("%-16s %12s at the speed of earlier runs\n", "time", style_duration(seconds).text);
    else
        printf("%-16s %12s until a first run has been measured\n", "time", "not known");
}

void report_plan(struct report *report, const conch_plan *plan, const struct rates *rates, bool print)
{
    double seconds = estimate(plan, rates);
    if (report->json)
        plan_event(report, plan, seconds);
    else if (print)
        plan_print(plan, seconds);
}

static const char *phase_words(enum conch_phase phase)
{
    switch (phase) {
    case CONCH_PHASE_TEXT: return "reading the prompt";
    case CONCH_PHASE_IMAGE: return "reading the pictures";
    case CONCH_PHASE_DENOISE: return "denoising";
    case CONCH_PHASE_DECODE: return "decoding";
    default: return "working";
    }
}

/* Shorter on a narrow terminal: a line that wraps could not be written over. */
static int bar_cells(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_col > LINE_COLUMNS + BAR_CELLS)
        return BAR_CELLS;
    return size.ws_col > LINE_COLUMNS ? size.ws_col - LINE_COLUMNS : 0;
}

void report_line(struct report *report, const struct report_line *line)
{
    char bar[BAR_CELLS + 1];
    int cells = bar_cells(), full = (int)(line->fraction * cells + 0.5);
    for (int i = 0; i < cells; i++)
        bar[i] = i < full ? '#' : '.';
    bar[cells] = 0;
    fprintf(stderr, "\r\033[K%s%-20s%s %3d/%-3d [%s] %3.0f%%", style_on(stderr, STYLE_BOLD), line->what,
            style_off(stderr), line->step, line->step_count, bar, line->fraction * 100);
    if (line->seconds_left >= 0)
        fprintf(stderr, " %s%s left%s", style_on(stderr, STYLE_DIM), style_duration(line->seconds_left).text,
                style_off(stderr));
    fflush(stderr);
    report->line_open = true;
}

void report_status(struct report *report, const char *text)
{
    struct winsize size;
    size_t columns = LINE_COLUMNS + BAR_CELLS;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
        columns = size.ws_col - 1u;
    fputs("\r\033[K", stderr);
    clean_print(stderr, text, columns, 0);
    fflush(stderr);
    report->line_open = true;
}

static json_t *progress_event(const conch_progress *p)
{
    json_t *event = json_object();
    set_text(event, "phase", conch_phase_name(p->phase));
    json_object_set_new(event, "step", json_integer(p->step));
    json_object_set_new(event, "steps", json_integer(p->step_count));
    set_number(event, "fraction", p->fraction);
    if (p->eta_ms >= 0)
        set_number(event, "eta_s", (double)p->eta_ms / 1000);
    return event;
}

int report_progress(struct report *report, const conch_progress *p)
{
    bool phase_new = !report->phase_known || report->phase != p->phase;
    bool step_new = phase_new || report->step != p->step;
    report->phase_known = true;
    report->phase = p->phase;
    report->step = p->step;
    if (report->json)
        return step_new ? report_event(report, "progress", progress_event(p)) : 0;
    if (report->quiet)
        return 0;
    if (!report->terminal) {
        if (phase_new)
            fprintf(stderr, "%s\n", phase_words(p->phase));
        return 0;
    }
    int64_t now = clock_steady_ns();
    if (phase_new || now - report->drawn_ns > REDRAW_NS) {
        report_line(report, &(struct report_line){.what = phase_words(p->phase),
                                                  .step = p->step,
                                                  .step_count = p->step_count,
                                                  .fraction = p->fraction,
                                                  .seconds_left = p->eta_ms >= 0 ? (double)p->eta_ms / 1000 : -1});
        report->drawn_ns = now;
    }
    return 0;
}

void report_preview(struct report *report, int step, const char *path)
{
    if (!report->json)
        return;
    json_t *event = json_object();
    json_object_set_new(event, "step", json_integer(step));
    set_text(event, "path", path);
    report_event(report, "preview", event);
}

void report_latent(struct report *report, const char *path)
{
    if (!report->json)
        return;
    json_t *event = json_object();
    set_text(event, "path", path);
    report_event(report, "latent_saved", event);
}

void report_warning(struct report *report, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    report_line_clear(report);
    if (report->json) {
        json_t *event = json_object();
        set_text(event, "text", text);
        report_event(report, "warning", event);
    } else if (!report->quiet) {
        style_warning("%s", text);
    }
}

static void done_event(struct report *report, const struct report_result *r)
{
    json_t *event = json_object();
    set_text(event, "path", r->clip_path);
    if (r->clip_path)
        set_whole(event, "bytes", r->clip_bytes);
    set_text(event, "frames_dir", r->frames_dir);
    set_text(event, "latent", r->latent_path);
    set_whole(event, "seed", r->seed);
    set_whole(event, "frames", (uint64_t)r->frame_count);
    set_number(event, "duration_s", (double)r->frame_count / r->fps);
    set_number(event, "seconds", r->seconds);
    report_event(report, "done", event);
}

void report_done(struct report *report, const struct report_result *r)
{
    report_line_clear(report);
    if (report->json)
        done_event(report, r);
    if (!talks(report))
        return;
    const char *on = style_on(stdout, STYLE_GREEN), *off = style_off(stdout);
    const char *length = style_seconds((double)r->frame_count / r->fps).text;
    if (r->clip_path)
        printf("%s%s%s  %s, %s s, seed %llu, made in %s\n", on, r->clip_path, off, style_bytes(r->clip_bytes).text,
               length, (unsigned long long)r->seed, style_duration(r->seconds).text);
    if (r->frames_dir)
        printf("%s%s%s  %d frames, seed %llu, made in %s\n", on, r->frames_dir, off, r->frame_count,
               (unsigned long long)r->seed, style_duration(r->seconds).text);
    if (r->latent_path)
        printf("latent: %s\n", r->latent_path);
    fflush(stdout);
}

int report_error(struct report *report, const conch_error *err, const char *latent_path)
{
    int code = exit_code_of(err->code);
    report_line_clear(report);
    if (report->json) {
        json_t *event = json_object();
        set_text(event, "code", exit_code_word(err->code));
        json_object_set_new(event, "exit", json_integer(code));
        set_text(event, "text", err->text);
        set_text(event, "latent", latent_path);
        report_event(report, "error", event);
    }
    style_error(err->text);
    if (latent_path && talks(report))
        style_warning("the denoised latent is kept; `conch generate --decode %s` makes the clip of it", latent_path);
    return code;
}
