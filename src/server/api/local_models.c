#include "server/api/local_models.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { SIDE_MAX = 8192, FPS_MAX = 240, FRAMES_MAX = 100000, RATES_MAX = 64 };

struct entry {
    struct catalog_model model;
    char name[128];
    char resolutions[CATALOG_OUTPUTS_MAX][24];
    struct catalog_output outputs[CATALOG_OUTPUTS_MAX];
    bool live;
};

struct rate {
    char name[128];
    int64_t ms;
};

struct local_models {
    pthread_mutex_t lock;
    int64_t read_ms; /* 0: never */
    struct entry *entries[LOCAL_MODELS_MAX];
    size_t count;
    struct rate rates[RATES_MAX];
    size_t rate_count;
    size_t workers;
};

struct local_models *local_models_create(void)
{
    struct local_models *models = calloc(1, sizeof *models);
    if (models)
        pthread_mutex_init(&models->lock, NULL);
    return models;
}

void local_models_destroy(struct local_models *models)
{
    if (!models)
        return;
    for (size_t i = 0; i < models->count; i++)
        free(models->entries[i]);
    pthread_mutex_destroy(&models->lock);
    free(models);
}

bool local_models_stale(struct local_models *models, int64_t now_ms)
{
    pthread_mutex_lock(&models->lock);
    const bool stale = models->read_ms == 0 || now_ms - models->read_ms >= LOCAL_MODELS_FRESH_MS;
    if (stale)
        models->read_ms = now_ms;
    pthread_mutex_unlock(&models->lock);
    return stale;
}

static int64_t integer(const json_t *value, int64_t min, int64_t max)
{
    const int64_t number = json_is_integer(value) ? json_integer_value(value) : 0;
    return number >= min && number <= max ? number : 0;
}

static unsigned modes_read(const json_t *list)
{
    unsigned modes = 0;
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value)
    {
        const char *name = json_string_value(value);
        for (int m = 0; name && m < CATALOG_MODES; m++)
            if (strcmp(name, catalog_mode_name((enum catalog_mode)m)) == 0)
                modes |= 1u << m;
        if (name && strcmp(name, "first_last_frame") == 0)
            modes |= 1u << CATALOG_LAST_FRAME;
    }
    return modes;
}

/* Lengths in whole seconds, rising, each once. n frames are n - 1 steps of time. */
static size_t seconds_read(const json_t *frames, int64_t fps, int ret[CATALOG_SECONDS_MAX])
{
    size_t count = 0, i;
    json_t *value;
    json_array_foreach(frames, i, value)
    {
        const int64_t frame_count = integer(value, 1, FRAMES_MAX);
        const int seconds = (int)((frame_count - 1 + fps / 2) / fps);
        if (frame_count && seconds > 0 && count < CATALOG_SECONDS_MAX && (count == 0 || seconds > ret[count - 1]))
            ret[count++] = seconds;
    }
    return count;
}

static bool outputs_read(struct entry *entry, const json_t *json, unsigned modes, int64_t fps)
{
    int seconds[CATALOG_SECONDS_MAX] = {0};
    const size_t second_count = seconds_read(json_object_get(json, "frames"), fps, seconds);
    size_t i, count = 0;
    json_t *size;
    json_array_foreach(json_object_get(json, "sizes"), i, size)
    {
        const int64_t width = integer(json_array_get(size, 0), 1, SIDE_MAX),
                      height = integer(json_array_get(size, 1), 1, SIDE_MAX);
        if (!width || !height || count == CATALOG_OUTPUTS_MAX)
            continue;
        struct catalog_output *output = &entry->outputs[count];
        snprintf(entry->resolutions[count], sizeof entry->resolutions[count], "%dx%d", (int)width, (int)height);
        *output = (struct catalog_output){.modes = modes,
                                          .resolution = entry->resolutions[count],
                                          .second_count = second_count,
                                          .width = (int)width,
                                          .height = (int)height,
                                          .confidence = 'H',
                                          .source = "the model's own manifest"};
        memcpy(output->seconds, seconds, sizeof seconds);
        count++;
    }
    entry->model.outputs = entry->outputs;
    entry->model.output_count = count;
    return count > 0 && second_count > 0;
}

/* A model as its worker describes it; false: it does not, in any way this server understands. */
static bool entry_read(struct entry *entry, const json_t *json)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const int64_t fps = integer(json_object_get(json, "fps"), 1, FPS_MAX);
    const unsigned modes = modes_read(json_object_get(json, "modes"));
    memset(entry, 0, sizeof *entry);
    if (json_is_false(json_object_get(json, "complete"))) /* a manifest whose weights are not here */
        return false;
    if (!name || !*name || strlen(name) >= sizeof entry->name || !fps || !modes)
        return false;
    strcpy(entry->name, name);
    entry->model = (struct catalog_model){
        .slug = entry->name,
        .provider = "local",
        .name = entry->name,
        .api = "local",
        .fps = (size_t)fps,
        .prompt_chars_max = 2000,
        .last_frame_alone = false,
        .pictures = {.bytes_max = 64 << 20,
                     .side_min = 16,
                     .ratio_min_permille = 100,
                     .ratio_max_permille = 10000,
                     .formats = (1u << CATALOG_FORMATS) - 1,
                     .confidence = 'H',
                     .source = "what the picture reader takes"},
    };
    if (!outputs_read(entry, json, modes, fps))
        return false;
    entry->model.default_resolution = entry->resolutions[0];
    const int64_t frames = integer(json_object_get(json, "default_frames"), 2, FRAMES_MAX);
    entry->model.default_seconds = frames ? (int)((frames - 1 + fps / 2) / fps) : entry->outputs[0].seconds[0];
    return true;
}

static bool output_same(const struct catalog_output *a, const struct catalog_output *b)
{
    return a->modes == b->modes && a->width == b->width && a->height == b->height &&
           a->second_count == b->second_count && memcmp(a->seconds, b->seconds, sizeof a->seconds) == 0;
}

static bool entry_same(const struct entry *a, const struct entry *b)
{
    if (strcmp(a->name, b->name) != 0 || a->model.fps != b->model.fps ||
        a->model.default_seconds != b->model.default_seconds || a->model.output_count != b->model.output_count)
        return false;
    for (size_t i = 0; i < a->model.output_count; i++)
        if (!output_same(&a->outputs[i], &b->outputs[i]))
            return false;
    return true;
}

/* Pointers into an entry are of that entry alone. */
static struct entry *entry_keep(const struct entry *from)
{
    struct entry *entry = malloc(sizeof *entry);
    if (!entry)
        return NULL;
    *entry = *from;
    for (size_t i = 0; i < entry->model.output_count; i++)
        entry->outputs[i].resolution = entry->resolutions[i];
    entry->model.slug = entry->model.name = entry->name;
    entry->model.outputs = entry->outputs;
    entry->model.default_resolution = entry->resolutions[0];
    return entry;
}

static void model_take(struct local_models *models, const struct entry *seen)
{
    for (size_t i = 0; i < models->count; i++)
        if (entry_same(models->entries[i], seen)) {
            models->entries[i]->live = true;
            return;
        }
    struct entry *entry = models->count < LOCAL_MODELS_MAX ? entry_keep(seen) : NULL;
    if (!entry)
        return;
    entry->live = true;
    models->entries[models->count++] = entry;
}

static void rate_take(struct local_models *models, const char *name, int64_t ms)
{
    size_t i = 0;
    while (i < models->rate_count && strcmp(models->rates[i].name, name) != 0)
        i++;
    if (ms <= 0 || i == RATES_MAX || strlen(name) >= sizeof models->rates[i].name)
        return;
    if (i == models->rate_count)
        models->rate_count++;
    strcpy(models->rates[i].name, name);
    models->rates[i].ms = ms;
}

static void worker_take(struct local_models *models, const struct store_worker *worker, struct entry *scratch)
{
    size_t i;
    const char *name;
    json_t *value, *details = worker->details ? json_loads(worker->details, 0, NULL) : NULL;
    json_array_foreach(json_object_get(details, "models"), i, value)
    {
        if (entry_read(scratch, value))
            model_take(models, scratch);
    }
    json_object_foreach(json_object_get(details, "ms_per_clip"), name, value)
    {
        rate_take(models, name, json_is_number(value) ? (int64_t)json_number_value(value) : 0);
    }
    json_decref(details);
}

void local_models_update(struct local_models *models, const struct store_worker *workers, size_t count, int64_t now_ms)
{
    struct entry *scratch = malloc(sizeof *scratch);
    if (!scratch)
        return;
    pthread_mutex_lock(&models->lock);
    models->read_ms = now_ms;
    models->workers = 0;
    for (size_t i = 0; i < models->count; i++)
        models->entries[i]->live = false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(workers[i].kind, "engine") == 0) {
            models->workers++;
            worker_take(models, &workers[i], scratch);
        }
    pthread_mutex_unlock(&models->lock);
    free(scratch);
}

const struct catalog_model *local_models_find(struct local_models *models, const char *name, bool *ret_live)
{
    const struct catalog_model *found = NULL;
    *ret_live = false;
    pthread_mutex_lock(&models->lock);
    for (size_t i = models->count; i-- > 0;) { /* the newest kind of that name, unless an older one is there */
        const struct entry *entry = models->entries[i];
        if (strcmp(entry->name, name) != 0 || (found && !entry->live))
            continue;
        found = &entry->model;
        *ret_live = entry->live;
        if (entry->live)
            break;
    }
    pthread_mutex_unlock(&models->lock);
    return found;
}

void local_models_list(struct local_models *models, const struct catalog_model **ret, size_t *count)
{
    size_t found = 0;
    pthread_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->count && found < *count; i++)
        if (models->entries[i]->live)
            ret[found++] = &models->entries[i]->model;
    pthread_mutex_unlock(&models->lock);
    *count = found;
}

int64_t local_models_clip_ms(struct local_models *models, const char *name)
{
    int64_t ms = -1;
    pthread_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->rate_count; i++)
        if (strcmp(models->rates[i].name, name) == 0)
            ms = models->rates[i].ms;
    pthread_mutex_unlock(&models->lock);
    return ms;
}

size_t local_models_workers(struct local_models *models)
{
    pthread_mutex_lock(&models->lock);
    const size_t workers = models->workers;
    pthread_mutex_unlock(&models->lock);
    return workers;
}
