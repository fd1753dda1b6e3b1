#include "server/backend/local.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "conch/engine.h"
#include "media/fit.h"
#include "server/backend/frames.h"

enum { TRIES_MAX = 3, SEED_BITS = 53 /* exact in every JSON reader */ };

/* Manifests: opening one reads no weights. */
struct models {
    conch_model *items[BACKEND_MODELS_MAX];
    size_t count;
};

struct local {
    conch_engine *engine;
    struct backend_local_settings settings; /* folders are copied */
    pthread_mutex_t lock;
    struct models models; /* stays as it is while users > 0; else under lock */
    int users;            /* under lock: calls of local_generate */
    int64_t looked_ns;    /* under lock: when the folders were last looked at */
    int64_t running;      /* under lock: job; 0: none */
};

/* ---- the models there are ---- */

static void models_close(struct models *models)
{
    for (size_t i = 0; i < models->count; i++)
        conch_model_close(models->items[i]);
    models->count = 0;
}

static bool models_have(const struct models *models, const char *name)
{
    for (size_t i = 0; i < models->count; i++)
        if (strcmp(conch_model_info_get(models->items[i])->name, name) == 0)
            return true;
    return false;
}

static int models_add(void *context, const char *folder, conch_error *err)
{
    struct models *models = context;
    for (size_t i = 0; i < models->count; i++)
        if (strcmp(conch_model_info_get(models->items[i])->folder, folder) == 0)
            return 0;
    if (models->count == BACKEND_MODELS_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "more than %d model folders", BACKEND_MODELS_MAX);
    if (conch_model_open(&models->items[models->count], folder, NULL) == 0)
        models->count++; /* a damaged one is no reason not to offer the others; `conch doctor` tells */
    return 0;
}

static int models_find(const struct local *local, struct models *ret, conch_error *err)
{
    const struct backend_local_settings *settings = &local->settings;
    int rc = 0;
    ret->count = 0;
    for (size_t i = 0; rc == 0 && i < settings->folder_count; i++)
        rc = models_add(ret, settings->folders[i], err);
    if (rc == 0 && settings->find)
        rc = settings->find(settings->find_context, models_add, ret, err);
    if (rc < 0)
        models_close(ret);
    return rc;
}

/* A manifest that was changed, and files that came later, count too: so all are opened anew, which is cheap. */
static void models_look_again(struct local *local)
{
    const int64_t every_ms = local->settings.find_every_ms ? local->settings.find_every_ms : BACKEND_FIND_EVERY_MS;
    const int64_t now_ns = clock_steady_ns();
    if (local->users || now_ns - local->looked_ns < every_ms * 1000000)
        return;
    local->looked_ns = now_ns;
    struct models *found = malloc(sizeof *found);
    conch_error problem;
    if (!found)
        return;
    if (models_find(local, found, &problem) < 0) {
        log_warn("the model folders cannot be read", log_error_text(&problem));
        free(found);
        return;
    }
    for (size_t i = 0; i < found->count; i++)
        if (!models_have(&local->models, conch_model_info_get(found->items[i])->name))
            log_info("a model was found", log_text("model", conch_model_info_get(found->items[i])->name));
    for (size_t i = 0; i < local->models.count; i++)
        if (!models_have(found, conch_model_info_get(local->models.items[i])->name))
            log_info("a model is gone", log_text("model", conch_model_info_get(local->models.items[i])->name));
    models_close(&local->models);
    local->models = *found;
    free(found);
}

static int folders_copy(struct local *local, conch_error *err)
{
    struct backend_local_settings *settings = &local->settings;
    const char *const *from = settings->folders;
    const size_t count = settings->folder_count;
    char **folders = calloc(count + 1, sizeof *folders);
    settings->folders = (const char *const *)folders;
    settings->folder_count = 0;
    for (size_t i = 0; folders && i < count && (folders[i] = strdup(from[i])); i++)
        settings->folder_count++;
    return settings->folder_count == count && folders
               ? 0
               : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a list of models");
}

int local_open(struct local **ret_local, const struct backend_local_settings *settings, conch_error *err)
{
    const conch_engine_options options = {.threads = settings->threads,
                                          .memory_bytes = settings->memory_bytes,
                                          .cache_dir = settings->cache_dir,
                                          .cpu = getenv("CONCH_CPU")};
    struct local *local = calloc(1, sizeof *local);
    if (!local)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the engine");
    pthread_mutex_init(&local->lock, NULL);
    local->settings = *settings;
    local->looked_ns = clock_steady_ns();
    int rc = folders_copy(local, err);
    if (rc == 0)
        rc = conch_engine_create(&local->engine, &options, err);
    if (rc == 0)
        rc = models_find(local, &local->models, err);
    if (rc == 0 && local->models.count == 0)
        log_warn("no models were found, so nothing can be made; conch doctor says where they are looked for");
    if (rc < 0) {
        local_close(local);
        return rc;
    }
    *ret_local = local;
    return 0;
}

void local_close(struct local *local)
{
    if (!local)
        return;
    models_close(&local->models);
    for (size_t i = 0; i < local->settings.folder_count; i++)
        free((char *)(uintptr_t)local->settings.folders[i]);
    free((void *)(uintptr_t)local->settings.folders);
    conch_engine_destroy(local->engine);
    pthread_mutex_destroy(&local->lock);
    free(local);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool model_named(const conch_model_info *info, const char *name)
{
    return strcmp(info->name, name) == 0 || strcmp(last_part(info->name), name) == 0 ||
           strcmp(last_part(info->folder), name) == 0;
}

static int model_find(const struct local *local, const char *name, conch_model **ret, conch_error *err)
{
    for (size_t i = 0; i < local->models.count; i++)
        if (model_named(conch_model_info_get(local->models.items[i]), name)) {
            *ret = local->models.items[i];
            return 0;
        }
    return conch_error_set(err, CONCH_ERR_NOTFOUND, "no model %s on this machine", name);
}

static json_t *modes_describe(unsigned modes)
{
    json_t *list = json_array();
    if (modes & CONCH_MODE_TEXT)
        json_array_append_new(list, json_string("text"));
    if (modes & CONCH_MODE_FIRST_FRAME)
        json_array_append_new(list, json_string("first_frame"));
    if (modes & CONCH_MODE_FIRST_LAST_FRAME)
        json_array_append_new(list, json_string("last_frame"));
    return list;
}

static json_t *model_describe(const conch_model_info *info)
{
    json_t *sizes = json_array(), *frames = json_array();
    for (size_t i = 0; i < info->size_count; i++)
        json_array_append_new(sizes, json_pack("[i, i]", info->sizes[i].width, info->sizes[i].height));
    for (size_t i = 0; i < info->frame_count_count; i++)
        json_array_append_new(frames, json_integer(info->frame_counts[i]));
    return json_pack("{s:s, s:s*, s:o, s:o, s:o, s:i, s:i, s:i, s:s*, s:I, s:b}", "name", info->name, "title",
                     info->title, "modes", modes_describe(info->modes), "sizes", sizes, "frames", frames, "fps",
                     info->fps, "default_frames", info->default_frame_count, "steps", info->step_count, "licence",
                     info->license, "bytes", (json_int_t)info->weights_bytes, "complete", info->missing == NULL);
}

int local_describe(struct local *local, json_t *object, conch_error *err)
{
    conch_engine_facts facts;
    conch_engine_facts_get(local->engine, &facts);
    json_t *models = json_array();
    int rc = models ? 0 : -1;
    pthread_mutex_lock(&local->lock);
    models_look_again(local);
    for (size_t i = 0; rc == 0 && i < local->models.count; i++)
        rc = json_array_append_new(models, model_describe(conch_model_info_get(local->models.items[i])));
    pthread_mutex_unlock(&local->lock);
    rc |= json_object_set_new(object, "models", models);
    rc |= json_object_set_new(object, "kernels", json_string(facts.kernels));
    rc |= json_object_set_new(object, "threads", json_integer((json_int_t)facts.threads));
    rc |= json_object_set_new(object, "memory_bytes", json_integer((json_int_t)facts.memory_available_bytes));
    return rc ? conch_error_set(err, CONCH_ERR_NOMEM, "no memory to describe the engine") : 0;
}

/* ---- one generation ---- */

struct work {
    const struct local_request *request;
    const struct local_sink *sink;
    conch_request engine_request;
    conch_plan plan;
    uint8_t *fitted[2];
    conch_picture pictures[2];
    int sink_code; /* what a call of the sink returned to stop it */
};

/* A wish in seconds as one of the model's counts, met within a quarter of a second. */
static int frame_count(const conch_model_info *info, int seconds, int *ret, conch_error *err)
{
    int best = info->default_frame_count, shortest = best, longest = best;
    double nearest = 1e9;
    for (size_t i = 0; i < info->frame_count_count; i++) {
        const int count = info->frame_counts[i];
        const double off = fabs((double)count / info->fps - seconds);
        shortest = count < shortest ? count : shortest;
        longest = count > longest ? count : longest;
        if (seconds && off < nearest) {
            nearest = off;
            best = count;
        }
    }
    if (seconds && nearest > 0.25)
        return conch_error_set(err, CONCH_ERR_RANGE, "seconds: %d is not allowed; %s makes %.2g to %.2g", seconds,
                               info->name, (double)shortest / info->fps, (double)longest / info->fps);
    *ret = best;
    return 0;
}

static int frame_count_least(const conch_model_info *info, double seconds)
{
    int best = 0, longest = info->default_frame_count;
    for (size_t i = 0; i < info->frame_count_count; i++) {
        const int count = info->frame_counts[i];
        longest = count > longest ? count : longest;
        if (count >= seconds * info->fps && (!best || count < best))
            best = count;
    }
    return best ? best : longest;
}

static conch_size size_for(const conch_model_info *info, const struct local_request *request)
{
    const struct media_image *picture = request->first_frame;
    conch_size best = info->sizes[0];
    double best_off = 1e9;
    if (request->width || request->height)
        return (conch_size){request->width, request->height};
    for (size_t i = 0; picture && picture->rgb && i < info->size_count; i++) {
        const conch_size size = info->sizes[i];
        const double off = fabs(log((double)size.width / size.height * picture->height / picture->width));
        if (off < best_off) {
            best_off = off;
            best = size;
        }
    }
    return best;
}

static int picture_fit(struct work *work, int which, const struct media_image *picture, conch_size size,
                       conch_error *err)
{
    const struct frames frames = {.rgb = picture->rgb, .width = picture->width, .height = picture->height};
    uint8_t *rgb = malloc((size_t)size.width * (size_t)size.height * 3);
    if (!rgb)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a picture of %dx%d", size.width, size.height);
    work->fitted[which] = rgb;
    work->pictures[which] = (conch_picture){rgb, size.width, size.height};
    if (work->request->fit == LOCAL_FIT_SQUASH)
        return frames_squash(rgb, size.width, size.height, &frames, err);
    return fit_cover(rgb, (struct fit_size){size.width, size.height}, picture->rgb,
                     (struct fit_size){picture->width, picture->height}, err);
}

static bool size_known(const conch_model_info *info, conch_size size)
{
    for (size_t i = 0; i < info->size_count; i++)
        if (info->sizes[i].width == size.width && info->sizes[i].height == size.height)
            return true;
    return false;
}

static int work_prepare(struct work *work, const conch_model *model, conch_error *err)
{
    const struct local_request *r = work->request;
    const conch_model_info *info = conch_model_info_get(model);
    const conch_size size = size_for(info, r);
    const struct media_image *const pictures[] = {r->first_frame, r->last_frame};
    const uint64_t seed = r->seed >= 0 ? (uint64_t)r->seed : rand_seed() >> (64 - SEED_BITS);
    work->engine_request = (conch_request){.prompt = r->prompt,
                                           .negative = r->negative,
                                           .width = size.width,
                                           .height = size.height,
                                           .step_count = r->steps,
                                           .guidance = r->guidance,
                                           .seed = seed,
                                           .preview = r->previews};
    int rc = 0;
    if (r->seconds_least > 0)
        work->engine_request.frame_count = frame_count_least(info, r->seconds_least);
    else
        rc = frame_count(info, r->seconds, &work->engine_request.frame_count, err);
    for (int i = 0; rc == 0 && i < 2; i++) {
        if (!pictures[i] || !pictures[i]->rgb || !size_known(info, size))
            continue; /* a size that the model lacks is refused by the plan */
        rc = picture_fit(work, i, pictures[i], size, err);
        *(i ? &work->engine_request.last_frame : &work->engine_request.first_frame) = &work->pictures[i];
    }
    return rc;
}

static int on_progress(void *context, const conch_progress *progress)
{
    struct work *work = context;
    const struct backend_progress told = {.phase = conch_phase_name(progress->phase),
                                          .step = progress->step,
                                          .step_count = progress->step_count,
                                          .permille = (int)(progress->fraction * JOB_PROGRESS_FULL),
                                          .eta_ms = progress->eta_ms};
    return work->sink_code = work->sink->progress(work->sink->context, &told);
}

static int on_frame(void *context, const uint8_t *rgb, int index)
{
    struct work *work = context;
    return work->sink_code = work->sink->frame(work->sink->context, rgb, index);
}

static int on_preview(void *context, const uint8_t *rgb, int step)
{
    struct work *work = context;
    return work->sink_code = work->sink->preview(work->sink->context, rgb);
}

static int work_begin(struct work *work, const conch_model *model)
{
    const struct local_plan plan = {.model = conch_model_info_get(model)->name,
                                    .sampler = work->plan.sampler,
                                    .width = work->plan.width,
                                    .height = work->plan.height,
                                    .fps = work->plan.fps,
                                    .frame_count = work->plan.frame_count,
                                    .step_count = work->plan.step_count,
                                    .guidance = work->plan.guidance,
                                    .shift = work->plan.shift,
                                    .seed = (int64_t)work->engine_request.seed,
                                    .prompt_tokens_cut = work->plan.prompt_tokens_cut};
    return work->sink->begin(work->sink->context, &plan);
}

/* A cancel that came when its job had just ended stays with the engine and meets the next one: that one, not stopped
 * itself, begins once more. No frame has left it then. */
static int work_run(struct local *local, const conch_model *model, struct work *work, conch_error *err)
{
    const conch_sink sink = {.context = work,
                             .progress = on_progress,
                             .frame = on_frame,
                             .preview = work->request->previews ? on_preview : NULL};
    int rc;
    for (int tries = 0;; tries++) {
        rc = conch_generate(local->engine, model, &work->engine_request, &sink, err);
        if (rc != CONCH_ERR_CANCELLED || work->sink_code != 0 || work->sink->stopped(work->sink->context) ||
            tries == TRIES_MAX)
            return rc;
    }
}

/* While there are users the models stay. */
static void users_change(struct local *local, int by)
{
    pthread_mutex_lock(&local->lock);
    local->users += by;
    pthread_mutex_unlock(&local->lock);
}

static void running_set(struct local *local, int64_t job_id)
{
    pthread_mutex_lock(&local->lock);
    local->running = job_id;
    pthread_mutex_unlock(&local->lock);
}

int local_generate(struct local *local, const struct local_request *request, const struct local_sink *sink,
                   conch_error *err)
{
    struct work work = {.request = request, .sink = sink};
    conch_model *model = NULL;
    users_change(local, 1);
    int rc = model_find(local, request->model, &model, err);
    if (rc == 0)
        rc = work_prepare(&work, model, err);
    if (rc == 0)
        rc = conch_plan_make(local->engine, model, &work.engine_request, &work.plan, err);
    if (rc == 0)
        rc = work_begin(&work, model);
    if (rc == 0) {
        running_set(local, request->job_id);
        rc = sink->stopped(sink->context) ? conch_error_set(err, CONCH_ERR_CANCELLED, "the job was stopped")
                                          : work_run(local, model, &work, err);
        running_set(local, 0);
    }
    users_change(local, -1);
    free(work.fitted[0]);
    free(work.fitted[1]);
    return rc;
}

void local_cancel(struct local *local, int64_t job_id)
{
    pthread_mutex_lock(&local->lock);
    if (local->running == job_id)
        conch_engine_cancel(local->engine);
    pthread_mutex_unlock(&local->lock);
}
