#include "engine_test.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/tensor/safetensors.h"

static char folder[256];

static void fail(const char *what, const char *detail)
{
    fprintf(stderr, "test set-up: %s: %s\n", what, detail ? detail : "");
    abort();
}

/* ---- folders ---- */

const char *test_folder_make(const char *name)
{
    snprintf(folder, sizeof folder, "/tmp/conch-test-%s-XXXXXX", name);
    if (!mkdtemp(folder))
        fail("mkdtemp", folder);
    return folder;
}

void test_folder_remove(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (folder[0] && system(command) != 0)
        fail("rm", folder);
}

static char *next_path(void)
{
    static char paths[8][1024];
    static size_t next;
    return paths[next++ % 8];
}

const char *test_path(const char *name)
{
    char *path = next_path();
    snprintf(path, 1024, "%s/%s", folder, name);
    return path;
}

static const char *in_repository(const char *name)
{
    const char *root = getenv("CONCH_TEST_ROOT");
    char *path = next_path(), *real = realpath(root ? root : ".", NULL);
    snprintf(path, 1024, "%s/%s", real ? real : ".", name);
    free(real);
    return path;
}

/* ---- manifests ---- */

/* The configuration that golden weights carry in their metadata. */
static json_t *config_of(const char *path)
{
    struct st_file *file;
    conch_error err;
    if (st_open(&file, path, &err) < 0)
        fail(path, err.text);
    json_t *config = json_loads(st_metadata(file, "config"), 0, NULL);
    st_close(file);
    if (!config)
        fail(path, "no config");
    return config;
}

static json_t *file_list(const char *path)
{
    return json_pack("[s]", path);
}

static json_t *text_component(const char *path)
{
    json_t *c = config_of(path);
    json_t *component = json_pack(
        "{s:s, s:o, s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:i}", "kind", "umt5", "files", file_list(path), "vocab",
        json_object_get(c, "vocab"), "dim", json_object_get(c, "dim"), "dim_attn", json_object_get(c, "dim_attn"),
        "dim_ffn", json_object_get(c, "dim_ffn"), "heads", json_object_get(c, "num_heads"), "layers",
        json_object_get(c, "num_layers"), "buckets", json_object_get(c, "num_buckets"), "text_len", 24);
    json_decref(c);
    return component;
}

static json_t *vae_component(const char *path, const char *kind)
{
    json_t *c = config_of(path);
    json_t *component = json_pack("{s:s, s:o, s:O, s:O, s:O, s:O, s:O, s:O, s:O}", "kind", kind, "files",
                                  file_list(path), "dim", json_object_get(c, "dim"), "z", json_object_get(c, "z_dim"),
                                  "dim_mult", json_object_get(c, "dim_mult"), "res_blocks",
                                  json_object_get(c, "num_res_blocks"), "temporal_downsample",
                                  json_object_get(c, "temperal_downsample"), "latent_mean",
                                  json_object_get(c, "latent_mean"), "latent_std", json_object_get(c, "latent_std"));
    if (json_object_get(c, "dec_dim"))
        json_object_set(component, "dec_dim", json_object_get(c, "dec_dim"));
    json_decref(c);
    return component;
}

static json_t *dit_component(const char *variant, const char *path, const struct made_dit *dit)
{
    return json_pack("{s:s, s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:[i,i,i], s:f}", "kind", "wan-dit",
                     "variant", variant, "files", file_list(path), "dim", (int)dit->dim, "heads", (int)dit->heads,
                     "layers", (int)dit->layers, "ffn", (int)dit->ffn, "in_channels", (int)dit->channels,
                     "out_channels", (int)dit->channels, "text_dim", (int)dit->text_dim, "text_len", 24, "freq_dim",
                     (int)dit->freq_dim, "patch", 1, 2, 2, "eps", 1e-6);
}

struct parts {
    json_t *text, *dit, *vae, *capabilities;
};

static json_t *manifest_of(const char *name, const struct parts *parts)
{
    json_t *root = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:{s:o, s:{s:s, s:s}, s:o, s:o}, s:{s:s, s:i, s:f, s:f, s:s}, s:o}", "format", 1,
        "name", name, "title", "A model for tests", "family", "wan", "license", "Apache-2.0", "components",
        "text_encoder", parts->text, "tokenizer", "kind", "unigram", "file",
        in_repository("tests/golden/tok_unigram.model"), "transformer", parts->dit, "vae", parts->vae, "sampling",
        "sampler", "unipc", "steps", 2, "shift", 5.0, "guidance", 5.0, "negative", "blurry details", "capabilities",
        parts->capabilities);
    if (!root)
        fail("manifest", name);
    return root;
}

json_t *manifest_ti2v(void)
{
    const struct made_dit dit = {
        .dim = 64, .ffn = 176, .heads = 2, .layers = 2, .channels = 48, .text_dim = 64, .freq_dim = 256};
    struct parts parts = {
        .text = text_component(in_repository("tests/golden/umt5.weights.safetensors")),
        .dit = dit_component("ti2v", in_repository("tests/golden/dit_ti2v.weights.safetensors"), &dit),
        .vae = vae_component(in_repository("tests/golden/vae22.weights.safetensors"), "wan-vae22"),
        .capabilities = json_pack("{s:[s,s,s], s:s, s:[[i,i],[i,i]], s:[i,i,i,i], s:i, s:i}", "modes", "text",
                                  "first_frame", "first_last_frame", "last_frame", "append", "sizes", 96, 64, 64, 96,
                                  "frames", 1, 5, 9, 17, "default_frames", 9, "fps", 12)};
    return manifest_of("test/ti2v", &parts);
}

json_t *manifest_t2v(void)
{
    const struct made_text text = {
        .vocab = 768, .dim = 32, .dim_attn = 32, .dim_ffn = 64, .heads = 2, .layers = 2, .buckets = 32};
    const struct made_dit dit = {
        .dim = 80, .ffn = 168, .heads = 2, .layers = 2, .channels = 16, .text_dim = 32, .freq_dim = 256};
    const char *text_path = test_path("t2v-text.safetensors");
    text_encoder_make(text_path, &text);
    struct parts parts = {.text = text_component(in_repository("tests/golden/umt5.weights.safetensors")),
                          .dit = dit_component("t2v", in_repository("tests/golden/dit_t2v.weights.safetensors"), &dit),
                          .vae = vae_component(in_repository("tests/golden/vae21.weights.safetensors"), "wan-vae21"),
                          .capabilities = json_pack("{s:[s], s:[[i,i]], s:[i,i], s:i}", "modes", "text", "sizes", 48,
                                                    32, "frames", 5, 9, "fps", 16)};
    json_t *root = manifest_of("test/t2v", &parts);
    manifest_text_set(root, &text, text_path);
    return root;
}

void manifest_change(json_t *root, const char *path, json_t *value)
{
    char key[64];
    json_t *at = root;
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(key)) : json_object_get(at, key);
        if (!at)
            fail("no such field", key);
    }
    int rc;
    if (json_is_array(at))
        rc = json_array_set_new(at, (size_t)atoi(path), value);
    else
        rc = value ? json_object_set_new(at, path, value) : json_object_del(at, path);
    if (rc < 0)
        fail("cannot change", path);
}

const char *model_write(json_t *root, const char *name)
{
    const char *model = test_path(name);
    char path[1100];
    mkdir(model, 0700);
    snprintf(path, sizeof path, "%s/conch.json", model);
    if (json_dump_file(root, path, JSON_INDENT(1)) < 0)
        fail("cannot write", path);
    json_decref(root);
    return model;
}

/* ---- weights ---- */

/* A safetensors file in the making: names and shapes first, then values in the same order. */
struct maker {
    json_t *header;
    size_t bytes;
    struct {
        size_t count;
        float scale, middle;
    } * tensors;
    size_t count;
};

static void tensor_add(struct maker *m, size_t rows, size_t columns, float middle, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
static void tensor_add(struct maker *m, size_t rows, size_t columns, float middle, const char *format, ...)
{
    char name[128];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    size_t values = rows * (columns ? columns : 1);
    json_t *shape = columns ? json_pack("[I,I]", (json_int_t)rows, (json_int_t)columns)
                            : json_pack("[I]", (json_int_t)rows);
    json_object_set_new(m->header, name,
                        json_pack("{s:s, s:o, s:[I,I]}", "dtype", "BF16", "shape", shape, "data_offsets",
                                  (json_int_t)m->bytes, (json_int_t)(m->bytes + 2 * values)));
    m->bytes += 2 * values;
    m->tensors = realloc(m->tensors, (m->count + 1) * sizeof *m->tensors);
    m->tensors[m->count].count = values;
    m->tensors[m->count].middle = middle;
    m->tensors[m->count++].scale = columns ? 1 / sqrtf((float)columns) : 0.02f;
}

static void linear_add(struct maker *m, size_t n, size_t k, const char *prefix, const char *name)
{
    tensor_add(m, n, k, 0, "%s%s.weight", prefix, name);
    tensor_add(m, n, 0, 0, "%s%s.bias", prefix, name);
}

static void maker_write(struct maker *m, const char *path)
{
    FILE *file = fopen(path, "wb");
    char *header = json_dumps(m->header, JSON_COMPACT);
    uint64_t bytes = strlen(header), state = 1;
    static uint16_t values[1 << 16];
    if (!file)
        fail("cannot write", path);
    fwrite(&bytes, sizeof bytes, 1, file);
    fwrite(header, 1, bytes, file);
    for (size_t t = 0; t < m->count; t++)
        for (size_t done = 0; done < m->tensors[t].count;) {
            size_t count = m->tensors[t].count - done;
            count = count < 1 << 16 ? count : 1 << 16;
            for (size_t i = 0; i < count; i++) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                float value = m->tensors[t].middle + m->tensors[t].scale * ((float)(state >> 40) / 8388608.0f - 1);
                uint32_t bits;
                memcpy(&bits, &value, sizeof bits);
                values[i] = (uint16_t)(bits >> 16);
            }
            fwrite(values, sizeof *values, count, file);
            done += count;
        }
    if (fclose(file) != 0)
        fail("cannot write", path);
    free(header);
    free(m->tensors);
    json_decref(m->header);
}

void text_encoder_make(const char *path, const struct made_text *t)
{
    struct maker m = {.header = json_object()};
    tensor_add(&m, t->vocab, t->dim, 0, "token_embedding.weight");
    for (size_t i = 0; i < t->layers; i++) {
        tensor_add(&m, t->dim, 0, 1, "blocks.%zu.norm1.weight", i);
        tensor_add(&m, t->dim, 0, 1, "blocks.%zu.norm2.weight", i);
        for (int part = 0; part < 3; part++)
            tensor_add(&m, t->dim_attn, t->dim, 0, "blocks.%zu.attn.%c.weight", i, "qkv"[part]);
        tensor_add(&m, t->dim, t->dim_attn, 0, "blocks.%zu.attn.o.weight", i);
        tensor_add(&m, t->dim_ffn, t->dim, 0, "blocks.%zu.ffn.gate.0.weight", i);
        tensor_add(&m, t->dim_ffn, t->dim, 0, "blocks.%zu.ffn.fc1.weight", i);
        tensor_add(&m, t->dim, t->dim_ffn, 0, "blocks.%zu.ffn.fc2.weight", i);
        tensor_add(&m, t->buckets, t->heads, 0, "blocks.%zu.pos_embedding.embedding.weight", i);
    }
    tensor_add(&m, t->dim, 0, 1, "norm.weight");
    maker_write(&m, path);
}

void transformer_make(const char *path, const struct made_dit *d)
{
    static const char *const squares[] = {"self_attn.q",  "self_attn.k",  "self_attn.v",  "self_attn.o",
                                          "cross_attn.q", "cross_attn.k", "cross_attn.v", "cross_attn.o"};
    static const char *const gains[] = {"self_attn.norm_q", "self_attn.norm_k", "cross_attn.norm_q",
                                        "cross_attn.norm_k", "norm3"};
    struct maker m = {.header = json_object()};
    linear_add(&m, d->dim, 4 * d->channels, "", "patch_embedding");
    linear_add(&m, d->dim, d->freq_dim, "", "time_embedding.0");
    linear_add(&m, d->dim, d->dim, "", "time_embedding.2");
    linear_add(&m, 6 * d->dim, d->dim, "", "time_projection.1");
    linear_add(&m, d->dim, d->text_dim, "", "text_embedding.0");
    linear_add(&m, d->dim, d->dim, "", "text_embedding.2");
    linear_add(&m, 4 * d->channels, d->dim, "", "head.head");
    tensor_add(&m, 2, d->dim, 0, "head.modulation");
    for (size_t i = 0; i < d->layers; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "blocks.%zu.", i);
        for (size_t j = 0; j < sizeof squares / sizeof *squares; j++)
            linear_add(&m, d->dim, d->dim, prefix, squares[j]);
        for (size_t j = 0; j < sizeof gains / sizeof *gains; j++)
            tensor_add(&m, d->dim, 0, 1, "%s%s.weight", prefix, gains[j]);
        tensor_add(&m, d->dim, 0, 0, "%snorm3.bias", prefix);
        tensor_add(&m, 6, d->dim, 0, "%smodulation", prefix);
        linear_add(&m, d->ffn, d->dim, prefix, "ffn.0");
        linear_add(&m, d->dim, d->ffn, prefix, "ffn.2");
    }
    maker_write(&m, path);
}

void manifest_text_set(json_t *root, const struct made_text *t, const char *path)
{
    json_t *c = json_object_get(json_object_get(root, "components"), "text_encoder");
    json_t *sizes = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o}", "vocab", (int)t->vocab, "dim", (int)t->dim,
                              "dim_attn", (int)t->dim_attn, "dim_ffn", (int)t->dim_ffn, "heads", (int)t->heads,
                              "layers", (int)t->layers, "buckets", (int)t->buckets, "files", file_list(path));
    json_object_update(c, sizes);
    json_decref(sizes);
}

void manifest_dit_set(json_t *root, const struct made_dit *d, const char *path)
{
    json_t *components = json_object_get(root, "components");
    json_object_set_new(components, "transformer", dit_component("ti2v", path, d));
}

/* ---- engines and clips ---- */

conch_engine *engine_make(size_t threads)
{
    conch_engine *engine;
    conch_error err;
    if (conch_engine_create(&engine, &(conch_engine_options){.threads = threads}, &err) < 0)
        fail("engine", err.text);
    return engine;
}

conch_model *model_of(const char *path)
{
    conch_model *model;
    conch_error err;
    if (conch_model_open(&model, path, &err) < 0)
        fail(path, err.text);
    return model;
}

conch_model *model_tiny(void)
{
    return model_of(in_repository("models/tiny"));
}

static int on_progress(void *context, const conch_progress *progress)
{
    struct clip *clip = context;
    clip->out_of_order = clip->out_of_order || progress->phase < clip->last_phase ||
                         progress->fraction < clip->last_fraction - 1e-9 || progress->fraction > 1 + 1e-9 ||
                         progress->step < 0 || progress->step > progress->step_count;
    clip->last_phase = progress->phase;
    clip->last_fraction = progress->fraction;
    if (++clip->progress_count != clip->stop_at_progress)
        return 0;
    if (clip->cancel)
        conch_engine_cancel(clip->cancel);
    return !clip->cancel;
}

static int on_frame(void *context, const uint8_t *rgb, int index)
{
    struct clip *clip = context;
    clip->out_of_order = clip->out_of_order || index != clip->frame_count;
    clip->frames = realloc(clip->frames, (size_t)(clip->frame_count + 1) * clip->frame_bytes);
    memcpy(clip->frames + (size_t)clip->frame_count++ * clip->frame_bytes, rgb, clip->frame_bytes);
    return clip->frame_count == clip->stop_at_frame;
}

static int on_preview(void *context, const uint8_t *rgb, int step)
{
    struct clip *clip = context;
    clip->out_of_order = clip->out_of_order || step != ++clip->preview_count;
    return 0;
}

void clip_init(struct clip *clip)
{
    *clip = (struct clip){0};
}

void clip_finish(struct clip *clip)
{
    free(clip->frames);
    *clip = (struct clip){0};
}

static void clip_restart(struct clip *clip)
{
    free(clip->frames);
    clip->frames = NULL;
    clip->frame_count = clip->preview_count = clip->progress_count = 0;
    clip->last_phase = 0;
    clip->last_fraction = 0;
    clip->out_of_order = false;
    clip->sink = (conch_sink){
        .context = clip, .progress = on_progress, .frame = on_frame, .preview = clip->preview ? on_preview : NULL};
}

int clip_generate(struct clip *clip, conch_engine *engine, const conch_model *model, const conch_request *request,
                  conch_error *err)
{
    const conch_size *size = &conch_model_info_get(model)->sizes[0];
    clip_restart(clip);
    clip->frame_bytes = (size_t)(request->width ? request->width : size->width) *
                        (size_t)(request->height ? request->height : size->height) * 3;
    return conch_generate(engine, model, request, &clip->sink, err);
}

int clip_decode(struct clip *clip, conch_engine *engine, const conch_model *model, const char *latent_path,
                conch_error *err)
{
    conch_latent_info info = {0};
    clip_restart(clip);
    if (conch_latent_info_read(latent_path, &info, NULL) == 0)
        clip->frame_bytes = (size_t)info.width * (size_t)info.height * 3;
    conch_latent_info_finish(&info);
    return conch_decode(engine, model, latent_path, CONCH_PRECISION_BF16, &clip->sink, err);
}

bool clips_equal(const struct clip *a, const struct clip *b)
{
    return a->frame_count == b->frame_count && a->frame_count > 0 && a->frame_bytes == b->frame_bytes &&
           memcmp(a->frames, b->frames, (size_t)a->frame_count * a->frame_bytes) == 0;
}

void picture_draw(conch_picture *ret, int width, int height, double shift)
{
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    double radius = height / 6.0, cx = width * (0.3 + 0.4 * shift), cy = height * 0.55;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            static const uint8_t sky[3] = {140, 190, 235}, grass[3] = {70, 150, 60}, ball[3] = {210, 50, 40};
            bool inside = (x - cx) * (x - cx) + (y - cy) * (y - cy) < radius * radius;
            const uint8_t *colour = inside ? ball : y < height * 0.7 ? sky : grass;
            memcpy(rgb + ((size_t)y * (size_t)width + (size_t)x) * 3, colour, 3);
        }
    *ret = (conch_picture){.rgb = rgb, .width = width, .height = height};
}
