/* What hosted services sell besides videos from a prompt: templates, pictures, and work on a prompt or a finished
 * video.
 *
 * The facts are catalog/templates.json and catalog/services.json, each described by its schema, read like the catalog
 * of models (catalog.h): no file, no clock, nothing changes once read. Whether this server can do any of it is not said
 * here; the point is to refuse honestly, by name and price, and to check a request before that. */
#ifndef SERVER_JOB_CATALOG_OFFERS_H
#define SERVER_JOB_CATALOG_OFFERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"
#include "server/job/catalog.h"

enum {
    CATALOG_TEMPLATES_MAX = 1024,
    CATALOG_IMAGE_MODELS_MAX = 64,
    CATALOG_IMAGE_RATIOS_MAX = 32,
    CATALOG_TASKS_MAX = 64
};

/* In micro-USD, for the unit its offer names; holds in from <= t < until. */
struct catalog_offer_price {
    bool known; /* false: none was ever published */
    int64_t microusd;
    int64_t from_ms, until_ms; /* until 0: no end is known */
    char confidence;
    const char *source;
};

/* Strings belong to the documents. */
struct catalog_template {
    const char *id;       /* decimal, 18 digits */
    const char *other_id; /* listed for the same template elsewhere, or NULL */
    const char *name;
    bool media_required, text_required;
    bool listed; /* on the provider's overview page today */
    char confidence;
    const char *source;
    struct catalog_offer_price price; /* for each video */
};

struct catalog_image_ratio {
    const char *ratio;
    int width, height;
};

struct catalog_image_model {
    const char *slug, *provider, *name;
    size_t prompt_chars_max, count_max, subjects_max;
    const char *default_ratio;
    struct catalog_image_ratio ratios[CATALOG_IMAGE_RATIOS_MAX];
    size_t ratio_count;
    int side_min, side_max, side_step; /* of width and height; 0: it takes ratios alone */
    bool styles;
    char confidence;
    const char *source;
    struct catalog_offer_price price; /* for each picture */
};

struct catalog_task {
    const char *name, *provider; /* "h3_context_ir", "regeneration" */
    const char *model;           /* the provider's name; MiniMax-H3 */
    const char *resolution;      /* the only one it makes, or NULL */
    size_t prompt_chars_max;
    char confidence;
    const char *source;
    struct catalog_offer_price price; /* for each second */
};

struct catalog_offers {
    json_t *templates_document, *services_document;
    struct catalog_template *templates;
    size_t template_count;
    struct catalog_image_model *images;
    size_t image_count;
    struct catalog_task *tasks;
    size_t task_count;
};

/* Keeps references to the documents. CONCH_ERR_FORMAT names field, value and what is allowed; CONCH_ERR_NOMEM. */
int catalog_offers_read(struct catalog_offers *ret, json_t *templates, json_t *services, conch_error *err);
void catalog_offers_finish(struct catalog_offers *offers);

/* By id or other id; by slug or the provider's name; by name. NULL when there is none. */
const struct catalog_template *catalog_template_find(const struct catalog_offers *offers, const char *id);
const struct catalog_image_model *catalog_image_find(const struct catalog_offers *offers, const char *name);
const struct catalog_task *catalog_task_find(const struct catalog_offers *offers, const char *name);

/* false when no price is known to hold at that time. */
bool catalog_offer_price(const struct catalog_offer_price *price, int64_t at_ms, int64_t *ret_microusd);

/* Whether a template has what it needs: 0, or CONCH_ERR_RANGE with a refusal of media_inputs or text_inputs. */
int catalog_template_check(const struct catalog_template *template, size_t media, size_t texts,
                           struct catalog_refusal *ret_refusal);

/* Zero or NULL: not given. */
struct catalog_image_request {
    size_t prompt_chars; /* code points */
    const char *ratio;   /* goes before width and height */
    int64_t width, height, count;
    size_t subjects;
};

struct catalog_image_resolved {
    int width, height;
    size_t count;
};

/* 0, or CONCH_ERR_RANGE with a refusal of prompt, aspect_ratio, width, n or subject_reference. */
int catalog_image_resolve(const struct catalog_image_model *model, const struct catalog_image_request *request,
                          struct catalog_image_resolved *ret_resolved, struct catalog_refusal *ret_refusal);

#endif
