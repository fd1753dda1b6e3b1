#include "engine/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/file.h"
#include "base/json.h"

enum { FORMAT_VERSION = 1, DIM_MAX = 1 << 16, LAYERS_MAX = 1024, SIDE_MAX = 8192, FRAMES_MAX = 4001 };

/* Distances of 128 tokens and more share the last bucket, so the logarithmic ones must begin before that. */
enum { BUCKETS_MAX = 256 };

/* Smallest eps: of less, f32 sums of squares see nothing. */
#define EPS_MIN 1e-12

/* One size field of an object: key, limits, where it goes. */
struct size_field {
    const char *key;
    size_t min, max;
    size_t *ret;
};

static int sizes_read(const json_t *object, const struct size_field *fields, size_t count,
                      const struct json_place *place, conch_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = json_field_size(object, fields[i].key, fields[i].min, fields[i].max, fields[i].ret, place, err);
    return rc;
}

static int kind_check(const json_t *object, const char *const *allowed, size_t count, size_t *ret,
                      const struct json_place *place, conch_error *err)
{
    const char *kind;
    int rc = json_field_text(object, "kind", &kind, place, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        if (strcmp(kind, allowed[i]) == 0) {
            *ret = i;
            return 0;
        }
    return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "%s: %skind '%s' is not one this build has (%s%s%s)",
                           place->document, place->prefix, kind, allowed[0], count > 1 ? ", " : "",
                           count > 1 ? allowed[1] : "");
}

static char *path_in_folder(const struct manifest *m, const char *name)
{
    char *path = NULL;
    if (name[0] == '/')
        return strdup(name);
    return asprintf(&path, "%s/%s", m->folder, name) < 0 ? NULL : path;
}

static int file_note(struct manifest *m, const char *name, char **ret, conch_error *err)
{
    *ret = path_in_folder(m, name);
    if (!*ret)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
    struct stat info;
    if (stat(*ret, &info) == 0) {
        m->info.weights_bytes += (uint64_t)info.st_size;
    } else if (!m->missing) {
        m->missing = strdup(*ret);
        if (!m->missing)
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
        m->info.missing = m->missing;
    }
    return 0;
}

static int files_read(struct manifest *m, const json_t *component, struct component_files *files,
                      const struct json_place *place, conch_error *err)
{
    json_t *list;
    int rc = json_field_array(component, "files", 1, MANIFEST_FILES_MAX, &list, place, err);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name || !*name)
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %sfiles[%zu] is not a file name", place->document,
                                   place->prefix, i);
        rc = file_note(m, name, &files->paths[i], err);
        files->count = i + 1;
    }
    return rc;
}

static int text_read(struct manifest *m, const json_t *components, const char *document, conch_error *err)
{
    const struct json_place parts = {document, "components."}, place = {document, "components.text_encoder."};
    const struct json_place token_place = {document, "components.tokenizer."};
    static const char *const kinds[] = {"umt5"}, *const token_kinds[] = {"unigram"};
    json_t *text, *tokenizer;
    size_t kind;
    int rc = json_field_object(components, "text_encoder", &text, &parts, err);
    if (rc == 0)
        rc = kind_check(text, kinds, 1, &kind, &place, err);
    struct umt5_config *c = &m->text;
    const struct size_field fields[] = {
        {"vocab", 1, 1 << 22, &c->vocab},
        {"dim", 1, DIM_MAX, &c->dim},
        {"dim_attn", 1, DIM_MAX, &c->dim_attn},
        {"dim_ffn", 1, DIM_MAX, &c->dim_ffn},
        {"heads", 1, 512, &c->heads},
        {"layers", 1, LAYERS_MAX, &c->layers},
        {"buckets", 4, BUCKETS_MAX, &c->buckets},
        {"text_len", 2, UMT5_TOKENS_MAX, &m->text_len},
    };
    if (rc == 0)
        rc = sizes_read(text, fields, ARRAY_LEN(fields), &place, err);
    if (rc == 0 && (c->dim_attn % c->heads != 0 || c->dim_attn / c->heads > KERN_D_MAX))
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %sdim_attn %zu does not split into %zu heads of at most %d",
                               document, place.prefix, c->dim_attn, c->heads, KERN_D_MAX);
    if (rc == 0 && c->buckets % 2)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %sbuckets is %zu, wanted an even number", document,
                               place.prefix, c->buckets);
    if (rc == 0)
        rc = files_read(m, text, &m->text_files, &place, err);
    if (rc == 0)
        rc = json_field_object(components, "tokenizer", &tokenizer, &parts, err);
    if (rc == 0)
        rc = kind_check(tokenizer, token_kinds, 1, &kind, &token_place, err);
    if (rc == 0 && json_object_get(tokenizer, "file")) {
        const char *name;
        rc = json_field_text(tokenizer, "file", &name, &token_place, err);
        if (rc == 0)
            rc = file_note(m, name, &m->tokenizer_path, err);
    }
    return rc;
}

static int dit_check(const struct wan_dit_config *c, const json_t *object, const struct json_place *place,
                     conch_error *err)
{
    if (c->dim % c->heads != 0 || c->dim / c->heads % 2 != 0 || c->dim / c->heads > KERN_D_MAX)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "%s: %sdim %zu does not split into %zu heads of an even size up to %d", place->document,
                               place->prefix, c->dim, c->heads, KERN_D_MAX);
    if (c->freq_dim % 2)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %sfreq_dim is %zu, wanted an even number", place->document,
                               place->prefix, c->freq_dim);
    const json_t *patch = json_object_get(object, "patch");
    static const json_int_t wanted[] = {1, 2, 2};
    bool same = !patch || json_array_size(patch) == ARRAY_LEN(wanted);
    for (size_t i = 0; patch && same && i < ARRAY_LEN(wanted); i++)
        same = json_integer_value(json_array_get(patch, i)) == wanted[i];
    if (!same)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "%s: %spatch is not [1, 2, 2], the one this build has",
                               place->document, place->prefix);
    return 0;
}

static int dit_read(struct manifest *m, const json_t *components, const char *document, conch_error *err)
{
    const struct json_place parts = {document, "components."}, place = {document, "components.transformer."};
    static const char *const kinds[] = {"wan-dit"};
    json_t *object;
    size_t kind;
    double eps = 1e-6;
    const char *variant = "";
    int rc = json_field_object(components, "transformer", &object, &parts, err);
    if (rc == 0)
        rc = kind_check(object, kinds, 1, &kind, &place, err);
    if (rc == 0)
        rc = json_field_text(object, "variant", &variant, &place, err);
    if (rc == 0 && strcmp(variant, "t2v") != 0 && strcmp(variant, "ti2v") != 0)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "%s: %svariant '%s' is not one this build has (t2v, ti2v)",
                               document, place.prefix, variant);
    struct wan_dit_config *c = &m->dit;
    const struct size_field fields[] = {
        {"dim", 2, DIM_MAX, &c->dim},
        {"heads", 1, 512, &c->heads},
        {"layers", 1, LAYERS_MAX, &c->layers},
        {"ffn", 1, DIM_MAX * 4, &c->ffn},
        {"in_channels", 1, 512, &c->in_channels},
        {"out_channels", 1, 512, &c->out_channels},
        {"text_dim", 1, DIM_MAX, &c->text_dim},
        {"text_len", 2, UMT5_TOKENS_MAX, &c->text_len},
        {"freq_dim", 2, 4096, &c->freq_dim},
    };
    if (rc == 0)
        rc = sizes_read(object, fields, ARRAY_LEN(fields), &place, err);
    if (rc == 0)
        rc = json_field_number(object, "eps", EPS_MIN, 1, &eps, &place, err);
    if (rc == 0)
        rc = dit_check(c, object, &place, err);
    if (rc == 0)
        rc = files_read(m, object, &m->dit_files, &place, err);
    c->eps = (float)eps;
    return rc;
}

static int numbers_read(const json_t *object, const char *key, float *ret, size_t count, double min,
                        const struct json_place *place, conch_error *err)
{
    json_t *list;
    int rc = json_field_array(object, key, count, count, &list, place, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_number(value) || !(json_number_value(value) >= min && json_number_value(value) <= 1e6))
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %s%s[%zu] is not a number from %g to 1e6",
                                   place->document, place->prefix, key, i, min);
        ret[i] = (float)json_number_value(value);
    }
    return rc;
}

static int width_bad(const struct json_place *place, const char *what, size_t in, size_t out, conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %sdim_mult: %s from %zu to %zu channels is not possible",
                           place->document, place->prefix, what, in, out);
}

/* The channels of neighbouring levels: the shortcuts of VAE 2.2 repeat or average whole groups of them, the doublings
 * of VAE 2.1 halve them. */
static int vae_check(const struct wan_vae_config *c, const struct json_place *place, conch_error *err)
{
    const size_t *mult = c->dim_mult, last = WAN_VAE_LEVELS - 1;
    size_t widest = size_max(c->dim, c->dec_dim) * mult[last];
    if (widest > KERN_D_MAX)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %sdim_mult[%zu] makes the VAE %zu wide, allowed are %d",
                               place->document, place->prefix, last, widest, KERN_D_MAX);
    if (c->kind == WAN_VAE_21 && c->dec_dim != c->dim)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %sdec_dim is %zu, but wan-vae21 has one dim (%zu)",
                               place->document, place->prefix, c->dec_dim, c->dim);
    for (size_t i = 0; i < last; i++) { /* decoder, widest first */
        size_t in = c->dec_dim * mult[i ? last + 1 - i : last], out = c->dec_dim * mult[last - i];
        size_t copies = c->temporal_down[last - 1 - i] ? 8 : 4;
        if (c->kind == WAN_VAE_21 && out % 2)
            return width_bad(place, "halving", out, out / 2, err);
        if (c->kind == WAN_VAE_22 && out * copies % in)
            return width_bad(place, "the decoder's shortcut", in, out, err);
    }
    for (size_t i = 0; c->kind == WAN_VAE_22 && i <= last; i++) {
        size_t in = c->dim * (i ? mult[i - 1] : 1), out = c->dim * mult[i];
        size_t cells = i == last ? 1 : c->temporal_down[i] ? 8 : 4;
        if (in * cells % out)
            return width_bad(place, "the encoder's shortcut", in, out, err);
    }
    return 0;
}

static int vae_read(struct manifest *m, const json_t *components, const char *document, conch_error *err)
{
    const struct json_place parts = {document, "components."}, place = {document, "components.vae."};
    static const char *const kinds[] = {"wan-vae21", "wan-vae22"};
    json_t *object, *list;
    size_t kind = 0;
    struct wan_vae_config *c = &m->vae;
    int rc = json_field_object(components, "vae", &object, &parts, err);
    if (rc == 0)
        rc = kind_check(object, kinds, 2, &kind, &place, err);
    const struct size_field fields[] = {
        {"dim", 1, 1024, &c->dim}, {"z", 1, WAN_VAE_Z_MAX, &c->z}, {"res_blocks", 1, 7, &c->res_blocks}};
    if (rc == 0)
        rc = sizes_read(object, fields, ARRAY_LEN(fields), &place, err);
    c->kind = kind == 0 ? WAN_VAE_21 : WAN_VAE_22;
    c->dec_dim = c->dim;
    if (rc == 0 && json_object_get(object, "dec_dim"))
        rc = json_field_size(object, "dec_dim", 1, 1024, &c->dec_dim, &place, err);
    if (rc == 0)
        rc = json_field_array(object, "dim_mult", WAN_VAE_LEVELS, WAN_VAE_LEVELS, &list, &place, err);
    for (size_t i = 0; rc == 0 && i < WAN_VAE_LEVELS; i++) {
        json_int_t mult = json_integer_value(json_array_get(list, i));
        if (mult < 1 || mult > 64)
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %sdim_mult[%zu] is not a number from 1 to 64", document,
                                   place.prefix, i);
        c->dim_mult[i] = (size_t)mult;
    }
    if (rc == 0)
        rc = json_field_array(object, "temporal_downsample", WAN_VAE_LEVELS - 1, WAN_VAE_LEVELS - 1, &list, &place,
                              err);
    for (size_t i = 0; rc == 0 && i < WAN_VAE_LEVELS - 1; i++) {
        if (!json_is_boolean(json_array_get(list, i)))
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %stemporal_downsample[%zu] is not true or false",
                                   document, place.prefix, i);
        c->temporal_down[i] = json_is_true(json_array_get(list, i));
    }
    if (rc == 0)
        rc = vae_check(c, &place, err);
    if (rc == 0)
        rc = numbers_read(object, "latent_mean", c->latent_mean, c->z, -1e6, &place, err);
    if (rc == 0)
        rc = numbers_read(object, "latent_std", c->latent_std, c->z, 1e-6, &place, err);
    if (rc == 0)
        rc = files_read(m, object, &m->vae_files, &place, err);
    return rc;
}

static int sampling_read(struct manifest *m, const json_t *root, const char *document, conch_error *err)
{
    const struct json_place top = {document, ""}, place = {document, "sampling."};
    json_t *object;
    size_t steps = 0;
    int rc = json_field_object(root, "sampling", &object, &top, err);
    if (rc == 0)
        rc = json_field_text(object, "sampler", &m->info.sampler, &place, err);
    if (rc == 0 && sampler_from_name(m->info.sampler) < 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: sampling.sampler '%s' is not one of " SAMPLER_NAMES,
                               document, m->info.sampler);
    if (rc == 0)
        rc = json_field_size(object, "steps", 1, SAMPLER_STEPS_MAX, &steps, &place, err);
    if (rc == 0)
        rc = json_field_number(object, "shift", SAMPLER_SHIFT_MIN, SAMPLER_SHIFT_MAX, &m->info.shift, &place, err);
    if (rc == 0)
        rc = json_field_number(object, "guidance", 1, 100, &m->info.guidance, &place, err);
    m->info.negative = "";
    if (rc == 0 && json_object_get(object, "negative"))
        rc = json_field_text(object, "negative", &m->info.negative, &place, err);
    m->info.step_count = (int)steps;
    if (rc == 0)
        m->sampler = (enum sampler_kind)sampler_from_name(m->info.sampler);
    return rc;
}

static int mode_from_name(const char *name)
{
    if (strcmp(name, "text") == 0)
        return CONCH_MODE_TEXT;
    if (strcmp(name, "first_frame") == 0)
        return CONCH_MODE_FIRST_FRAME;
    if (strcmp(name, "first_last_frame") == 0)
        return CONCH_MODE_FIRST_LAST_FRAME;
    return 0;
}

static int size_list_read(struct manifest *m, const json_t *capabilities, const struct json_place *place,
                          conch_error *err)
{
    json_t *list;
    int step = (int)wan_vae_stride(&m->vae) * 2;
    int rc = json_field_array(capabilities, "sizes", 1, CONCH_SIZES_MAX, &list, place, err);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i);
        json_int_t width = json_integer_value(json_array_get(pair, 0));
        json_int_t height = json_integer_value(json_array_get(pair, 1));
        if (json_array_size(pair) != 2 || width < step || height < step || width > SIDE_MAX || height > SIDE_MAX ||
            width % step || height % step)
            return conch_error_set(err, CONCH_ERR_FORMAT,
                                   "%s: %ssizes[%zu] is not [width, height], both multiples of %d up to %d",
                                   place->document, place->prefix, i, step, SIDE_MAX);
        m->info.sizes[m->info.size_count++] = (conch_size){(int)width, (int)height};
    }
    return rc;
}

static int frame_list_read(struct manifest *m, const json_t *capabilities, const struct json_place *place,
                           conch_error *err)
{
    json_t *list;
    size_t step = wan_vae_time_stride(&m->vae), chosen = 0;
    /* one position is left for a last frame that is appended */
    json_int_t most = (json_int_t)size_min(FRAMES_MAX, (WAN_DIT_POSITIONS - 2) * step + 1);
    int rc = json_field_array(capabilities, "frames", 1, CONCH_DURATIONS_MAX, &list, place, err);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        json_int_t count = json_integer_value(json_array_get(list, i));
        if (count < 1 || count > most || (size_t)(count - 1) % step)
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %sframes[%zu] is not %zu n + 1, at most %d",
                                   place->document, place->prefix, i, step, (int)most);
        m->info.frame_counts[m->info.frame_count_count++] = (int)count;
        chosen = size_max(chosen, (size_t)count);
    }
    m->info.default_frame_count = (int)chosen;
    if (rc == 0 && json_object_get(capabilities, "default_frames")) {
        rc = json_field_size(capabilities, "default_frames", 1, FRAMES_MAX, &chosen, place, err);
        bool known = false;
        for (size_t i = 0; i < m->info.frame_count_count; i++)
            known = known || (size_t)m->info.frame_counts[i] == chosen;
        if (rc == 0 && !known)
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %sdefault_frames %zu is not in frames", place->document,
                                   place->prefix, chosen);
        m->info.default_frame_count = (int)chosen;
    }
    return rc;
}

static int capabilities_read(struct manifest *m, const json_t *root, const char *document, conch_error *err)
{
    const struct json_place top = {document, ""}, place = {document, "capabilities."};
    json_t *object, *modes;
    size_t fps = 0;
    int rc = json_field_object(root, "capabilities", &object, &top, err);
    if (rc == 0)
        rc = json_field_array(object, "modes", 1, 8, &modes, &place, err);
    for (size_t i = 0; rc == 0 && i < json_array_size(modes); i++) {
        const char *name = json_string_value(json_array_get(modes, i));
        int mode = name ? mode_from_name(name) : 0;
        if (!mode)
            return conch_error_set(err, CONCH_ERR_FORMAT,
                                   "%s: capabilities.modes[%zu] is not text, first_frame or first_last_frame", document,
                                   i);
        m->info.modes |= (unsigned)mode;
    }
    if (rc == 0)
        rc = json_field_size(object, "fps", 1, 240, &fps, &place, err);
    if (rc == 0)
        rc = size_list_read(m, object, &place, err);
    if (rc == 0)
        rc = frame_list_read(m, object, &place, err);
    m->info.fps = (int)fps;
    const char *style = "append";
    if (rc == 0 && json_object_get(object, "last_frame"))
        rc = json_field_text(object, "last_frame", &style, &place, err);
    if (rc == 0 && strcmp(style, "append") != 0 && strcmp(style, "replace") != 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: capabilities.last_frame '%s' is not append or replace",
                               document, style);
    m->last_frame = strcmp(style, "append") == 0 ? LAST_FRAME_APPEND : LAST_FRAME_REPLACE;
    return rc;
}

/* The parts must fit each other. */
static int parts_check(const struct manifest *m, const char *document, conch_error *err)
{
    if (m->dit.in_channels != m->vae.z || m->dit.out_channels != m->vae.z)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "%s: the transformer has %zu channels in and %zu out, the VAE %zu", document,
                               m->dit.in_channels, m->dit.out_channels, m->vae.z);
    if (m->dit.text_dim != m->text.dim)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "%s: the transformer takes text of width %zu, the encoder gives %zu", document,
                               m->dit.text_dim, m->text.dim);
    if (m->dit.text_len != m->text_len)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: text_len is %zu for the transformer and %zu for the encoder",
                               document, m->dit.text_len, m->text_len);
    return 0;
}

static int document_read(struct manifest *m, const char *document, conch_error *err)
{
    const struct json_place top = {document, ""};
    json_t *components;
    size_t format;
    int rc = json_is_object(m->root) ? 0 : conch_error_set(err, CONCH_ERR_FORMAT, "%s: not a JSON object", document);
    if (rc == 0)
        rc = json_field_size(m->root, "format", FORMAT_VERSION, FORMAT_VERSION, &format, &top, err);
    const struct {
        const char *key;
        const char **ret;
    } texts[] = {
        {"name", &m->info.name}, {"title", &m->info.title}, {"family", &m->info.family}, {"license", &m->info.license}};
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(texts); i++)
        rc = json_field_text(m->root, texts[i].key, texts[i].ret, &top, err);
    if (rc == 0 && strcmp(m->info.family, "wan") != 0)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "%s: family '%s' is not one this build has (wan)", document,
                               m->info.family);
    if (rc == 0)
        rc = json_field_object(m->root, "components", &components, &top, err);
    if (rc == 0)
        rc = text_read(m, components, document, err);
    if (rc == 0)
        rc = dit_read(m, components, document, err);
    if (rc == 0)
        rc = vae_read(m, components, document, err);
    if (rc == 0)
        rc = parts_check(m, document, err);
    if (rc == 0)
        rc = sampling_read(m, m->root, document, err);
    if (rc == 0)
        rc = capabilities_read(m, m->root, document, err);
    return rc;
}

int manifest_read(struct manifest *m, const char *folder, conch_error *err)
{
    *m = (struct manifest){0};
    char *document = NULL;
    m->folder = strdup(folder);
    if (!m->folder || asprintf(&document, "%s/conch.json", folder) < 0) {
        manifest_finish(m);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a model");
    }
    m->info.folder = m->folder;
    int rc = json_file_read(&m->root, document, err);
    if (rc == CONCH_ERR_NOTFOUND)
        conch_error_set(err, rc, "%s is not a model folder: it has no conch.json", folder);
    if (rc == 0)
        rc = document_read(m, document, err);
    free(document);
    if (m->missing)
        m->info.weights_bytes = 0;
    if (rc < 0)
        manifest_finish(m);
    return rc;
}

static void files_finish(struct component_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    files->count = 0;
}

void manifest_finish(struct manifest *m)
{
    files_finish(&m->text_files);
    files_finish(&m->dit_files);
    files_finish(&m->vae_files);
    free(m->tokenizer_path);
    free(m->missing);
    free(m->folder);
    json_decref(m->root);
    *m = (struct manifest){0};
}
