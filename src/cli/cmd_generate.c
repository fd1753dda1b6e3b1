/* conch generate: a clip from a sentence, with or without a first and a last picture. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/rand.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/generate_output.h"
#include "cli/generate_report.h"
#include "cli/generate_settings.h"
#include "cli/keep.h"
#include "cli/models_find.h"
#include "cli/paths.h"
#include "cli/rates.h"
#include "cli/stop.h"

struct job {
    struct generate_settings settings;
    struct report report;
    conch_engine *engine;
    conch_model *model;
    const conch_model_info *info;
    conch_request request;
    conch_plan plan;
    conch_latent_info latent; /* with --decode */
    struct media_image picture[2];
    conch_picture frame[2];
    char *clip_path, *latent_path, *comment;
    struct output output;
    conch_error output_error; /* what stopped the sink; code 0: nothing */
    bool preview_failed, latent_saved;
    char rates_key[256];
    struct rates rates;
    int64_t started_ns, phase_began_ns, phase_ended_ns;
    double phase_s[CONCH_PHASE_COUNT];
};

static void job_finish(struct job *job)
{
    stop_set_engine(NULL);
    output_abandon(&job->output);
    conch_model_close(job->model);
    conch_engine_destroy(job->engine);
    conch_latent_info_finish(&job->latent);
    media_image_finish(&job->picture[0]);
    media_image_finish(&job->picture[1]);
    free(job->clip_path);
    free(job->latent_path);
    free(job->comment);
}

static int job_open_model(struct job *job, conch_error *err)
{
    const struct generate_settings *s = &job->settings;
    const char *name = s->model;
    char *folder = NULL;
    int rc = 0;
    if (s->decode)
        rc = conch_latent_info_read(s->decode, &job->latent, err);
    if (rc == 0 && !name)
        name = job->latent.model;
    if (rc == 0)
        rc = models_find(s->models, name, &folder, err);
    if (rc == 0)
        rc = conch_model_open(&job->model, folder, err);
    if (rc == 0)
        job->info = conch_model_info_get(job->model);
    free(folder);
    return rc;
}

static int job_open_engine(struct job *job, conch_error *err)
{
    char *cache = NULL;
    conch_engine_options options = {
        .threads = (size_t)job->settings.threads, .memory_bytes = job->settings.memory, .cpu = getenv("CONCH_CPU")};
    if (!job->settings.no_cache && paths_user(PATHS_CACHE, "embeddings", &cache, NULL) == 0)
        options.cache_dir = cache;
    int rc = conch_engine_create(&job->engine, &options, err);
    free(cache);
    if (rc < 0)
        return rc;
    stop_set_engine(job->engine);
    return stop_check(err);
}

static int job_pictures(struct job *job, conch_error *err)
{
    const char *const paths[] = {job->settings.first_frame, job->settings.last_frame};
    for (int i = 0; i < 2; i++) {
        int rc = paths[i] ? media_image_read(paths[i], &job->picture[i], err) : 0;
        if (rc == 0)
            rc = stop_check(err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int job_request(struct job *job, const char *prompt, conch_error *err)
{
    const struct generate_settings *s = &job->settings;
    conch_size size;
    job->request = (conch_request){
        .prompt = prompt,
        .negative = s->negative,
        .step_count = s->steps,
        .guidance = s->guidance,
        .shift = s->shift,
        .sampler = s->sampler,
        .seed = s->seed.given ? s->seed.value : rand_seed() >> 11, /* 53 bits: exact in every JSON reader */
        .precision = generate_precision(s),
        .preview = s->preview != NULL,
    };
    int rc = generate_frame_count(s, job->info, &job->request.frame_count, err);
    if (rc == 0)
        rc = job_pictures(job, err);
    if (rc == 0)
        rc = generate_size(s, job->info, job->picture[0].rgb ? &job->picture[0] : NULL, &size, err);
    if (rc < 0)
        return rc;
    job->request.width = size.width;
    job->request.height = size.height;
    for (int i = 0; i < 2; i++) {
        if (!job->picture[i].rgb)
            continue;
        rc = generate_fit(&job->picture[i], size, err);
        if (rc < 0)
            return rc;
        job->frame[i] = (conch_picture){job->picture[i].rgb, size.width, size.height};
        *(i ? &job->request.last_frame : &job->request.first_frame) = &job->frame[i];
    }
    return 0;
}

static void rates_key_make(struct job *job, const conch_engine_facts *facts)
{
    snprintf(job->rates_key, sizeof job->rates_key, "%s %s %s %zu", job->info->name,
             job->request.precision == CONCH_PRECISION_F32 ? "f32" : "bf16", facts->kernels, facts->threads);
    rates_load(job->rates_key, &job->rates);
}

/* The plan of the engine; of a saved latent, what it says of itself. */
static int job_plan(struct job *job, conch_error *err)
{
    if (job->settings.decode) {
        job->plan = (conch_plan){.width = job->latent.width,
                                 .height = job->latent.height,
                                 .frame_count = job->latent.frame_count,
                                 .fps = job->latent.fps};
        job->request.prompt = job->latent.prompt;
        job->request.seed = job->latent.seed;
        job->request.precision = generate_precision(&job->settings);
        return 0;
    }
    int rc = conch_plan_make(job->engine, job->model, &job->request, &job->plan, err);
    if (rc == 0 && job->plan.prompt_tokens_cut)
        report_warning(&job->report, "the prompt is too long: its last %zu tokens of %zu are not used",
                       job->plan.prompt_tokens_cut, job->plan.prompt_tokens + job->plan.prompt_tokens_cut);
    return rc;
}

static int job_comment(struct job *job, conch_error *err)
{
    const char *negative = job->settings.decode     ? NULL
                           : job->settings.negative ? job->settings.negative
                                                    : job->info->negative;
    struct output_facts facts = {.model = job->info->name,
                                 .prompt = job->request.prompt,
                                 .negative = negative,
                                 .sampler = job->plan.sampler,
                                 .seed = job->request.seed,
                                 .frame_count = job->plan.frame_count,
                                 .step_count = job->plan.step_count,
                                 .guidance = job->plan.guidance,
                                 .shift = job->plan.shift};
    return job->settings.no_metadata ? 0 : output_comment(&facts, &job->comment, err);
}

static int job_places(struct job *job, conch_error *err)
{
    const struct generate_settings *s = &job->settings;
    int rc = job_comment(job, err);
    if (rc < 0)
        return rc;
    if (s->output) {
        job->clip_path = strdup(s->output);
        if (!job->clip_path)
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
    } else if (!s->frames_dir) {
        rc = paths_clip_name(job->request.prompt, job->request.seed, &job->clip_path, err);
        if (rc < 0)
            return rc;
    }
    struct output_settings places = {.clip_path = job->clip_path,
                                     .frames_dir = s->frames_dir,
                                     .width = job->plan.width,
                                     .height = job->plan.height,
                                     .fps = job->plan.fps,
                                     .crf = s->crf,
                                     .title = s->no_metadata ? NULL : job->request.prompt,
                                     .comment = job->comment,
                                     .bare = s->no_metadata};
    rc = output_init(&job->output, &places, err);
    if (rc == 0 && s->preview)
        rc = paths_check_writable(s->preview, "--preview", err);
    if (rc == 0 && s->latent)
        rc = paths_check_writable(s->latent, "--latent", err);
    return rc;
}

static int job_latent_path(struct job *job, conch_error *err)
{
    conch_error problem = {0};
    if (job->settings.decode)
        return 0;
    if (job->settings.latent) {
        job->latent_path = strdup(job->settings.latent);
        if (!job->latent_path)
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
    } else if (keep_latent_path(job->request.prompt, job->request.seed, &job->latent_path, &problem) < 0) {
        report_warning(&job->report, "the latent will not be saved: %s", problem.text);
    }
    job->request.latent_path = job->latent_path;
    return 0;
}

/* ---- while it runs ---- */

static void phase_clock(struct job *job, enum conch_phase phase)
{
    int64_t now = clock_steady_ns();
    job->phase_s[phase] += (double)(now - job->phase_ended_ns) * 1e-9;
    job->phase_ended_ns = now;
}

static void latent_note(struct job *job)
{
    if (job->latent_saved || !job->latent_path)
        return;
    job->latent_saved = true;
    report_latent(&job->report, job->latent_path);
}

static int on_progress(void *context, const conch_progress *progress)
{
    struct job *job = context;
    if (progress->phase == CONCH_PHASE_DECODE)
        latent_note(job); /* it is saved before the first frame is decoded */
    phase_clock(job, progress->phase);
    int rc = stop_check(&job->output_error);
    if (rc == 0 && report_progress(&job->report, progress) < 0)
        rc = conch_error_set(&job->output_error, CONCH_ERR_IO, "standard output is closed: nobody reads the events");
    return rc;
}

static int on_frame(void *context, const uint8_t *rgb, int index)
{
    struct job *job = context;
    int rc = stop_check(&job->output_error);
    return rc < 0 ? rc : output_frame(&job->output, rgb, index, &job->output_error);
}

static int on_preview(void *context, const uint8_t *rgb, int step)
{
    struct job *job = context;
    conch_error err;
    struct media_rgb picture = {.rgb = rgb, .width = job->plan.width, .height = job->plan.height};
    if (media_image_write_png(job->settings.preview, picture, &err) == 0)
        report_preview(&job->report, step, job->settings.preview);
    else if (!job->preview_failed && stop_signal() == 0) {
        job->preview_failed = true; /* said once; no reason to lose the clip */
        report_warning(&job->report, "no preview: %s", err.text);
    }
    return stop_check(&job->output_error);
}

static int job_work(struct job *job, conch_error *err)
{
    conch_sink sink = {.context = job,
                       .progress = on_progress,
                       .frame = on_frame,
                       .preview = job->settings.preview ? on_preview : NULL};
    job->phase_ended_ns = clock_steady_ns();
    int rc = stop_check(err);
    if (rc < 0)
        return rc;
    if (job->settings.decode)
        rc = conch_decode(job->engine, job->model, job->settings.decode, job->request.precision, &sink, err);
    else
        rc = conch_generate(job->engine, job->model, &job->request, &sink, err);
    if (rc == CONCH_ERR_CANCELLED && job->output_error.code < 0) {
        *err = job->output_error; /* the engine only knows that we said stop */
        rc = err->code;
    }
    if (rc == 0)
        rc = output_close(&job->output, err);
    if (rc < 0 && stop_signal()) /* the terminal's Ctrl-C ends the encoder too: that is no error of its own */
        rc = stop_check(err);
    return rc;
}

static void rates_learn(struct job *job)
{
    for (int phase = 0; phase < CONCH_PHASE_COUNT; phase++)
        if (job->plan.phase_gflop[phase] > 0 && job->phase_s[phase] > 0)
            job->rates.gflop_per_s[phase] = job->plan.phase_gflop[phase] / job->phase_s[phase];
    rates_save(job->rates_key, &job->rates);
}

static void job_report_done(struct job *job)
{
    struct stat info;
    struct report_result result = {
        .clip_path = job->clip_path,
        .frames_dir = job->settings.frames_dir,
        .latent_path = job->latent_saved ? job->latent_path : NULL,
        .clip_bytes = job->clip_path && stat(job->clip_path, &info) == 0 ? (uint64_t)info.st_size : 0,
        .seed = job->request.seed,
        .frame_count = job->plan.frame_count,
        .fps = job->plan.fps,
        .seconds = (double)(clock_steady_ns() - job->started_ns) * 1e-9,
    };
    report_done(&job->report, &result);
}

static int job_run(struct job *job, const char *prompt, conch_error *err)
{
    int rc = job_open_model(job, err);
    if (rc == 0)
        rc = job_open_engine(job, err);
    if (rc == 0 && !job->settings.decode)
        rc = job_request(job, prompt, err);
    if (rc == 0)
        rc = job_plan(job, err);
    if (rc < 0)
        return rc;
    struct report_job facts = {.model = job->info->name,
                               .prompt = job->request.prompt,
                               .precision = job->request.precision == CONCH_PRECISION_F32 ? "f32" : "bf16",
                               .seed = job->request.seed,
                               .plan = &job->plan};
    conch_engine_facts_get(job->engine, &facts.facts);
    rates_key_make(job, &facts.facts);
    if (job->settings.plan) {
        report_plan(&job->report, &job->plan, &job->rates, true);
        return 0;
    }
    rc = job_places(job, err);
    if (rc == 0)
        rc = job_latent_path(job, err);
    if (rc < 0)
        return rc;
    facts.clip_path = job->clip_path;
    facts.frames_dir = job->settings.frames_dir;
    report_started(&job->report, &facts);
    if (!job->settings.decode)
        report_plan(&job->report, &job->plan, &job->rates, false);
    rc = job_work(job, err);
    if (rc < 0)
        return rc;
    if (!job->settings.decode)
        rates_learn(job);
    job_report_done(job);
    return 0;
}

static int run(int argc, const char *const *argv)
{
    struct job job = {.started_ns = clock_steady_ns()};
    struct option_words words = {.count = 0};
    conch_error err = {0};
    int rc = option_parse(generate_options, argc, argv, &job.settings, &words, &err);
    if (rc == 0)
        rc = generate_settings_check(&job.settings, &words, &err);
    report_init(&job.report, job.settings.json, job.settings.quiet);
    if (rc == 0) {
        stop_install();
        rc = job_run(&job, words.word[0], &err);
    }
    int code = rc < 0 ? report_error(&job.report, &err, job.latent_saved ? job.latent_path : NULL) : 0;
    if (job.latent_saved && !job.settings.latent)
        keep_prune();
    job_finish(&job);
    return code;
}

const struct command command_generate = {
    .name = "generate",
    .arguments = "PROMPT [OPTION ...]",
    .summary = "makes a clip from a sentence, or from a sentence and a picture",
    .details = "  conch generate \"a red ball bounces on grass\" -o ball.mp4\n"
               "  conch generate \"it rolls to the left\" --first-frame ball.png --seconds 2\n"
               "  conch generate --decode ball.latent -o again.mp4\n",
    .options = generate_options,
    .run = run,
};
