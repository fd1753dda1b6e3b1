/* The golden program: runs every case of a folder of vectors and says how far each is from what it should be.
 *
 * A case is one file of vectors. What it exercises is told by the tensors in it and its metadata, so files of other
 * sizes, seeds and names work as well; a kind that this program cannot run is skipped by name. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/tensor/compute.h"
#include "engine/tensor/probe.h"
#include "engine/tensor/safetensors.h"
#include "engine/tensor/weights.h"
#include "golden_compare.h"

/* Allowed relative L2 errors. fp32 leaves room for sums in another order; bf16 is what rounding the operands of
 * products costs (the official programs on a GPU show 1.9e-2 for transformer and text encoder, 7e-2 for the VAEs). */
#define ALLOWED_FP32          1e-5
#define ALLOWED_FP32_PIPELINE 5e-5
#define ALLOWED_BF16          3e-2
#define ALLOWED_BF16_VAE      1e-1
/* Guidance multiplies the difference of two velocities that are each off by some 4e-3, and every step adds its share:
 * 9e-3 at most in these files, more with more steps. What counts in bf16 are the frames. */
#define ALLOWED_BF16_PIPELINE 1e-1

/* Allowed for 8-bit frames, which are truncated: a tiny difference can move a sample by one level. */
#define FRAMES_FP32_LEVELS_MAX 1
#define FRAMES_FP32_SHARE_MAX  1e-3
#define FRAMES_BF16_MEAN_MAX   1.5
#define FRAMES_BF16_LEVELS_MAX 20

struct golden_options {
    const char *folder;
    const char *kernels; /* name of a kernel table, or NULL */
    const char *only;    /* part of a case's name, or NULL */
    size_t threads;
    bool fp32, bf16, verbose;
};

struct golden {
    struct golden_options options;
    struct compute compute;
    size_t passed, failed, skipped;
};

/* How one case went in one precision. */
struct report {
    const struct golden *golden;
    const char *name, *precision;
    size_t checks;
    double worst_share; /* of the check nearest to its limit, or farthest beyond: error / allowed */
    double worst_rel, worst_allowed, worst_max_abs;
    char worst[128];      /* its name */
    char note[200];       /* more to say on the line */
    char difference[640]; /* the first check that failed, in network order; "" when none did */
    char skip[200];       /* why the case cannot be run; "" when it was */
};

/* Compares count values. shape: of both, for the place of the largest difference in the text; NULL: unknown. */
struct check {
    const float *got, *want;
    size_t count;
    double allowed;
    int ndim;
    const size_t *shape;
};
void report_check(struct report *report, const struct check *check, const char *name_format, ...)
    __attribute__((format(printf, 3, 4)));

/* A tensor of the file against computed values: counts must agree too. Does nothing when the file has no such tensor.
 */
void report_tensor(struct report *report, const struct st_file *file, const char *name, const float *got, size_t count,
                   double allowed);

/* Something that must hold exactly. The text describes what does not. */
void report_exact(struct report *report, bool holds, const char *format, ...) __attribute__((format(printf, 3, 4)));
void report_error(struct report *report, const char *what, const conch_error *err);

/* 8-bit frames by the limits above. */
void report_frames(struct report *report, const uint8_t *got, const uint8_t *want, size_t count,
                   enum precision precision);

void report_note(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_skip(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the line of a finished case and counts it. */
void report_print(struct golden *golden, const struct report *report);

/* What a network offered through its probe, in the order in which each name came first. Frames of one name are joined.
 */
struct captured {
    char name[128];
    int ndim;
    size_t shape[3]; /* of one call */
    size_t calls;
    float *data; /* [calls][shape..] */
};
struct capture {
    struct probe probe; /* give this to the network */
    struct captured *items;
    size_t count, capacity;
};
void capture_init(struct capture *capture);
void capture_finish(struct capture *capture);

/* Notes how many of the file's mid.* the network offered: fused passes never hold some of them. */
void report_offered(struct report *report, const struct st_file *file, const struct capture *capture);

/* A file of vectors. */
struct vectors {
    const struct golden *golden;
    char name[256]; /* of the case */
    const struct st_file *file;
    json_t *config;  /* an object, empty when the file says nothing */
    json_t *weights; /* a string, an object of strings by role, or NULL */
};

/* The weights of a role ("dit", "vae", "text"; NULL when the case has one network only). */
int vectors_weights(const struct vectors *vectors, const char *role, struct weights **ret, conch_error *err);

/* Path of another file that the case names under this role; false when it names none. */
bool vectors_path(const struct vectors *vectors, const char *role, char *path, size_t path_bytes);

/* The configuration of a role: what the vectors say, completed by what its weights say. The caller drops it. */
json_t *vectors_config(const struct vectors *vectors, const char *role, const struct weights *weights);

/* A whole number (or true, false) of a configuration; CONCH_ERR_FORMAT names what is missing. */
int config_size(const json_t *config, const char *key, size_t *ret, conch_error *err);

/* One kind of vectors. */
struct golden_kind {
    const char *name;
    bool (*matches)(const struct vectors *vectors);
    /* NULL: a kind that is known by name but cannot be run; then reason says why. */
    void (*run)(const struct vectors *vectors, enum precision precision, struct report *report);
    const char *reason;
    bool precision_matters; /* else it is run once */
};

/* Lists that end with a kind without a name, one per file. */
extern const struct golden_kind golden_kinds_umt5[], golden_kinds_dit[], golden_kinds_vae[], golden_kinds_e2e[],
    golden_kinds_sampler[], golden_kinds_ops[];

/* Cases that are not files of vectors. folder holds an entry of this name; false: it is not of this kind. */
bool golden_loader_entry(struct golden *golden, const char *entry);
bool golden_tokenizer_entry(struct golden *golden, const char *entry);

/* Whether --only (if given) wants this case. */
bool golden_wanted(const struct golden *golden, const char *name);

#endif
