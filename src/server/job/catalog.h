/* What each model can make and what it costs: the one table behind every dialect, the studio and the adapters.
 *
 * The facts are data (catalog/models.json, described by catalog/models.schema.json); each row says where it comes from
 * (source) and how sure that is (confidence: H first hand, M audited second hand, L a single report or an inference).
 * Nothing here reads a file or a clock: the document is parsed JSON, time is an argument. A catalog does not change
 * once read and may be used from any thread.
 *
 * catalog_resolve is the one validator. It knows no wire format: a dialect counts what it was sent into a
 * catalog_request, and words a refusal in its own way from field, value and allowed. What a dialect's own schema does
 * not have (S2V-01 takes no resolution and no duration) it leaves at zero. */
#ifndef SERVER_JOB_CATALOG_H
#define SERVER_JOB_CATALOG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"
#include "server/job/job.h"

enum {
    CATALOG_MODELS_MAX = 256,
    CATALOG_OUTPUTS_MAX = 64,
    CATALOG_SECONDS_MAX = 16,
    CATALOG_PRICES_MAX = 1024,
    CATALOG_ALIASES_MAX = 256,
    CATALOG_CANDIDATES_MAX = 16
};

enum catalog_mode {
    CATALOG_TEXT,
    CATALOG_FIRST_FRAME,
    CATALOG_LAST_FRAME, /* first and last, or last alone where the model takes that */
    CATALOG_SUBJECT,
    CATALOG_REFERENCE
};
enum { CATALOG_MODES = 5 };

enum catalog_ratio {
    CATALOG_RATIO_NONE,     /* no such field; ignored */
    CATALOG_RATIO_REQUIRED, /* one of the model's ratios */
    CATALOG_RATIO_OPTIONAL, /* one of them or adaptive, which is the default */
    CATALOG_RATIO_ADAPTIVE  /* always follows the picture; ignored */
};

/* Strings belong to the catalog. */
struct catalog_output {
    unsigned modes; /* bits 1 << catalog_mode */
    const char *resolution;
    int seconds[CATALOG_SECONDS_MAX]; /* rising */
    size_t second_count;
    int width, height; /* 0: follows the picture or the ratio */
    enum catalog_ratio ratio;
    char confidence;
    const char *source;
};

struct catalog_pictures {
    size_t bytes_max, side_min, side_max; /* side_max 0: none; side_min is of the shorter, side_max of the longer */
    size_t ratio_min_permille, ratio_max_permille; /* width / height */
    unsigned formats;                              /* bits of catalog_format */
    char confidence;
    const char *source;
};

enum catalog_format { CATALOG_JPEG, CATALOG_PNG, CATALOG_WEBP, CATALOG_HEIC, CATALOG_HEIF };
enum { CATALOG_FORMATS = 5 };

struct catalog_references {
    size_t images_max, videos_max, audios_max, files_max, video_seconds_max, audio_seconds_max;
};

struct catalog_model {
    const char *slug, *provider, *name, *api;
    size_t fps, prompt_chars_max;
    bool camera_commands, fast_pretreatment;
    bool prompt_required; /* in every mode; otherwise only from text alone */
    bool last_frame_alone;
    const char *default_resolution; /* NULL: the request must name one */
    int default_seconds;            /* 0: likewise */
    size_t subjects_max;
    const char *const *ratios;
    size_t ratio_count;
    struct catalog_pictures pictures;
    struct catalog_references references;
    struct catalog_output *outputs;
    size_t output_count;
};

enum catalog_meter { CATALOG_MICROUSD, CATALOG_MILLICREDIT, CATALOG_MILLIPACKAGE };
enum { CATALOG_METERS = 3 };

struct catalog_price {
    const struct catalog_model *model;
    enum catalog_meter meter;
    const char *resolution;
    int seconds; /* 0: amount is for each second */
    int64_t amount;
    int64_t from_ms, until_ms; /* holds in from <= t < until; until 0: no end is known */
    size_t images_free;
    int64_t image_amount; /* for each input picture above those */
    bool video_input_charged;
    char confidence;
    const char *source;
};

/* A name that is no version: refused, with the models it may mean. */
struct catalog_alias {
    const char *name;
    const struct catalog_model *candidates[CATALOG_CANDIDATES_MAX];
    size_t candidate_count;
};

struct catalog {
    json_t *document;
    struct catalog_model *models;
    size_t model_count;
    struct catalog_price *prices;
    size_t price_count;
    struct catalog_alias *aliases;
    size_t alias_count;
};

/* A name the operator gave a model in the configuration; it goes before everything else and is shown in the result. */
struct catalog_pin {
    const char *name, *slug;
};

/* Reads a document; keeps a reference to it. CONCH_ERR_FORMAT names field, value and what is allowed; unknown fields,
 * names given twice and price rows that overlap in time are refused too. CONCH_ERR_NOMEM. */
int catalog_read(struct catalog *ret, json_t *document, conch_error *err);
void catalog_finish(struct catalog *catalog);

const char *catalog_mode_name(enum catalog_mode mode); /* "text", ... as in the document */
const char *catalog_meter_name(enum catalog_meter meter);
const char *catalog_format_name(enum catalog_format format);

/* Why a request is refused, in parts that a dialect can word. All text is UTF-8 and cut to fit. */
struct catalog_refusal {
    enum job_error error; /* invalid_input */
    const char *field;    /* model, prompt, resolution, seconds, ratio, first_frame, last_frame, subjects, references,
                             picture */
    char value[80];       /* as given; "" when it is missing */
    char allowed[600];
    char text[900]; /* all of it in one sentence */
};

/* What was asked for. Zero or NULL: not given. */
struct catalog_request {
    const char *model;
    size_t prompt_chars; /* code points */
    const char *resolution;
    int64_t seconds; /* a value below 0 is refused like any other that is not allowed */
    const char *ratio;
    bool first_frame, last_frame;
    size_t subjects;
    size_t images, videos, audios; /* references */
    int64_t video_ms, audio_ms;    /* of them, all together */
    const struct catalog_pin *pins;
    size_t pin_count;
};

struct catalog_resolved {
    const struct catalog_model *model;
    const struct catalog_output *output;
    const struct catalog_pin *pin; /* the operator's name it was asked by, or NULL */
    enum catalog_mode mode;
    int seconds;
    const char *ratio; /* of the catalog; "adaptive" or NULL where there is none */
    size_t images;     /* frames, subjects and reference pictures */
    int64_t video_ms;
};

/* The model of a slug, of a provider's own name (both as they stand) or of a pin; NULL when there is none. */
const struct catalog_model *catalog_find(const struct catalog *catalog, const char *name);

/* 0, or CONCH_ERR_RANGE with *ret_refusal filled. Looks at the model, the inputs, the prompt, resolution and seconds,
 * and the ratio, in this order, and refuses at the first. */
int catalog_resolve(const struct catalog *catalog, const struct catalog_request *request,
                    struct catalog_resolved *ret_resolved, struct catalog_refusal *ret_refusal);

struct catalog_picture {
    enum catalog_format format;
    size_t bytes, width, height;
};

/* Whether a model takes a picture of this size; as catalog_resolve. */
int catalog_picture_check(const struct catalog_model *model, const struct catalog_picture *picture,
                          struct catalog_refusal *ret_refusal);

/* What a resolved request costs at a time, in one meter. CONCH_ERR_NOTFOUND when no price holds then, CONCH_ERR_LIMIT
 * when it passes int64. ret_row (may be NULL): the row it comes from. */
int catalog_price(const struct catalog *catalog, const struct catalog_resolved *resolved, enum catalog_meter meter,
                  int64_t at_ms, int64_t *ret_amount, const struct catalog_price **ret_row, conch_error *err);

#endif
