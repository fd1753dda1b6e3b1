/* golden DIR: the command line, and which case is of which kind. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "golden.h"

static const char usage[] =
    "usage: golden [options] DIR\n"
    "Runs every case of golden vectors in DIR and prints one line for each; exit code 1 when one failed.\n"
    "  --kernels NAME    best kernel table to use: amx, avx512bf16, avx512, avx2, ref (default: CONCH_CPU, or the "
    "best)\n"
    "  --threads N       threads to compute with (default: all usable cores)\n"
    "  --only TEXT       only cases whose name contains TEXT\n"
    "  --precision P     fp32, bf16 or both (default: both)\n"
    "  -v                every comparison on a line of its own\n";

static bool has(const struct vectors *vectors, const char *name)
{
    return st_find(vectors->file, name) != NULL;
}

static bool is_clip(const struct vectors *vectors)
{
    return has(vectors, "in.image0") && has(vectors, "out.features");
}

static bool is_prep_i2v(const struct vectors *vectors)
{
    return has(vectors, "in.image01");
}

static bool is_prep_vace(const struct vectors *vectors)
{
    return has(vectors, "out.vace_context") || has(vectors, "out.frames_latent");
}

static const struct golden_kind golden_kinds_other[] = {
    {.name = "clip", .matches = is_clip, .reason = "the CLIP image encoder is not built"},
    {.name = "prep_i2v",
     .matches = is_prep_i2v,
     .reason = "conditions of image-to-video made from pictures are not built"},
    {.name = "prep_vace", .matches = is_prep_vace, .reason = "conditions of VACE made from clips are not built"},
    {0}};

/* Pipelines first: their files hold inputs of single networks too. */
static const struct golden_kind *const kind_lists[] = {golden_kinds_e2e,  golden_kinds_other, golden_kinds_dit,
                                                       golden_kinds_umt5, golden_kinds_vae,   golden_kinds_sampler,
                                                       golden_kinds_ops};

static const struct golden_kind *kind_of(const struct vectors *vectors)
{
    for (size_t i = 0; i < ARRAY_LEN(kind_lists); i++)
        for (const struct golden_kind *kind = kind_lists[i]; kind->name; kind++)
            if (kind->matches(vectors))
                return kind;
    return NULL;
}

bool golden_wanted(const struct golden *golden, const char *name)
{
    return !golden->options.only || strstr(name, golden->options.only);
}

static void kind_run(struct golden *golden, const struct golden_kind *kind, const struct vectors *vectors)
{
    static const struct {
        enum precision precision;
        const char *name;
    } precisions[] = {{PRECISION_F32, "fp32"}, {PRECISION_BF16, "bf16"}};
    for (size_t i = 0; i < ARRAY_LEN(precisions); i++) {
        bool is_bf16 = precisions[i].precision == PRECISION_BF16;
        if (kind->precision_matters ? !(is_bf16 ? golden->options.bf16 : golden->options.fp32) : is_bf16)
            continue;
        struct report report = {.golden = golden, .name = vectors->name, .precision = precisions[i].name};
        kind->run(vectors, precisions[i].precision, &report);
        report_print(golden, &report);
        if (report.skip[0]) /* in one precision as in the other */
            break;
    }
}

static json_t *metadata_json(const struct st_file *file, const char *key)
{
    const char *text = st_metadata(file, key);
    return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

static void vectors_run(struct golden *golden, struct vectors *vectors)
{
    const char *weights = st_metadata(vectors->file, "weights");
    vectors->config = metadata_json(vectors->file, "config");
    if (!json_is_object(vectors->config)) {
        json_decref(vectors->config);
        vectors->config = json_object();
    }
    vectors->weights = metadata_json(vectors->file, "weights");
    if (weights && !json_is_object(vectors->weights)) {
        json_decref(vectors->weights);
        vectors->weights = json_string(weights);
    }
    const struct golden_kind *kind = kind_of(vectors);
    if (kind && kind->run) {
        kind_run(golden, kind, vectors);
    } else {
        struct report report = {.golden = golden, .name = vectors->name};
        if (kind)
            report_skip(&report, "%s: %s", kind->name, kind->reason);
        else
            report_skip(&report, "its tensors are of no kind known here (the first is %s)",
                        st_count(vectors->file) ? st_at(vectors->file, 0)->name : "missing");
        report_print(golden, &report);
    }
    json_decref(vectors->config);
    json_decref(vectors->weights);
}

/* X.vectors.safetensors gives X, X.safetensors gives X. */
static void case_name(char *name, size_t bytes, const char *entry)
{
    snprintf(name, bytes, "%s", entry);
    char *end = strstr(name, ".vectors.safetensors");
    if (!end)
        end = strstr(name, ".safetensors");
    if (end)
        *end = 0;
}

static bool is_weights(const struct st_file *file)
{
    for (size_t i = 0; i < st_count(file); i++) {
        const char *name = st_at(file, i)->name;
        if (!strncmp(name, "in.", 3) || !strncmp(name, "out.", 4) || !strncmp(name, "tab.", 4))
            return false;
    }
    return true;
}

static void safetensors_entry(struct golden *golden, const char *entry)
{
    char path[1024], name[256];
    struct st_file *file = NULL;
    conch_error err;
    case_name(name, sizeof name, entry);
    snprintf(path, sizeof path, "%s/%s", golden->options.folder, entry);
    if (st_open(&file, path, &err) < 0) {
        if (!golden_wanted(golden, name))
            return;
        struct report report = {.golden = golden, .name = name, .precision = ""};
        report_error(&report, "open", &err);
        report_print(golden, &report);
        return;
    }
    struct vectors vectors = {.golden = golden, .file = file};
    snprintf(vectors.name, sizeof vectors.name, "%s", name);
    bool vectors_by_name = strstr(entry, ".vectors.") != NULL;
    if (golden_wanted(golden, name) && (vectors_by_name || !is_weights(file)))
        vectors_run(golden, &vectors);
    st_close(file);
}

static bool ends_with(const char *text, const char *end)
{
    size_t text_length = strlen(text), end_length = strlen(end);
    return text_length >= end_length && !strcmp(text + text_length - end_length, end);
}

static int folder_run(struct golden *golden)
{
    struct dirent **entries;
    int count = scandir(golden->options.folder, &entries, NULL, alphasort);
    if (count < 0) {
        fprintf(stderr, "golden: %s: %s\n", golden->options.folder, strerror(errno));
        return 2;
    }
    for (int i = 0; i < count; i++) {
        const char *entry = entries[i]->d_name;
        bool taken = entry[0] == '.' || golden_loader_entry(golden, entry) || golden_tokenizer_entry(golden, entry);
        if (!taken && ends_with(entry, ".safetensors"))
            safetensors_entry(golden, entry);
        free(entries[i]);
    }
    free(entries);
    printf("%zu passed, %zu failed, %zu skipped\n", golden->passed, golden->failed, golden->skipped);
    if (golden->passed + golden->failed + golden->skipped == 0) {
        fprintf(stderr, "golden: no case%s%s in %s\n", golden->options.only ? " of a name with " : "",
                golden->options.only ? golden->options.only : "", golden->options.folder);
        return 2;
    }
    return golden->failed > 0;
}

static bool options_read(struct golden_options *options, int argc, char **argv)
{
    enum { OPT_KERNELS = 256, OPT_THREADS, OPT_ONLY, OPT_PRECISION };
    static const struct option table[] = {{"kernels", required_argument, NULL, OPT_KERNELS},
                                          {"threads", required_argument, NULL, OPT_THREADS},
                                          {"only", required_argument, NULL, OPT_ONLY},
                                          {"precision", required_argument, NULL, OPT_PRECISION},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    char *end;
    for (int c; (c = getopt_long(argc, argv, "vh", table, NULL)) != -1;)
        switch (c) {
        case OPT_KERNELS: options->kernels = optarg; break;
        case OPT_THREADS:
            options->threads = strtoul(optarg, &end, 10);
            if (*end || end == optarg || options->threads < 1 || options->threads > POOL_THREADS_MAX) {
                fprintf(stderr, "golden: --threads: %s is not one of 1 to %d\n", optarg, POOL_THREADS_MAX);
                return false;
            }
            break;
        case OPT_ONLY: options->only = optarg; break;
        case OPT_PRECISION:
            options->fp32 = strcmp(optarg, "bf16") != 0;
            options->bf16 = strcmp(optarg, "fp32") != 0;
            if (options->fp32 && options->bf16 && strcmp(optarg, "both")) {
                fprintf(stderr, "golden: --precision: %s is none of fp32, bf16, both\n", optarg);
                return false;
            }
            break;
        case 'v': options->verbose = true; break;
        default: return false;
        }
    if (optind + 1 != argc)
        return false;
    options->folder = argv[optind];
    return true;
}

int main(int argc, char **argv)
{
    struct golden golden = {.options = {.kernels = getenv("CONCH_CPU"), .fp32 = true, .bf16 = true}};
    conch_error err;
    if (!options_read(&golden.options, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    if (compute_init(&golden.compute, golden.options.threads, golden.options.kernels, &err) < 0) {
        fprintf(stderr, "golden: %s\n", err.text);
        return 2;
    }
    printf("kernels %s, %zu threads\n", golden.compute.kern->name, golden.compute.worker_count);
    int rc = folder_run(&golden);
    compute_finish(&golden.compute);
    return rc;
}
