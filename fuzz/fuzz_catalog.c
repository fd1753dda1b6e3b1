/* A catalog of models, templates or services from a stranger: taken whole or refused with a text, and what is taken
 * answers every question. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "server/job/catalog.h"
#include "server/job/catalog_offers.h"

static void questions_ask(const struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->model_count; i++) {
        const struct catalog_model *m = &catalog->models[i];
        const struct catalog_request request = {.model = m->name,
                                                .prompt_chars = 1,
                                                .resolution = m->outputs[0].resolution,
                                                .seconds = m->outputs[0].seconds[0]};
        struct catalog_resolved resolved;
        struct catalog_refusal refusal;
        int64_t amount;
        if (catalog_find(catalog, m->slug) != m)
            abort();
        if (catalog_resolve(catalog, &request, &resolved, &refusal) < 0) {
            if (!refusal.text[0] || !refusal.field)
                abort();
            continue;
        }
        for (int meter = 0; meter < CATALOG_METERS; meter++)
            catalog_price(catalog, &resolved, (enum catalog_meter)meter, INT64_C(1795335304000), &amount, NULL, NULL);
    }
}

/* The document as templates and as services, beside an empty other one. */
static void offers_read(json_t *document)
{
    json_t *templates = json_pack("{sis[]}", "format", 1, "templates");
    json_t *services = json_pack("{sis[]s[]}", "format", 1, "images", "tasks");
    for (int as_services = 0; as_services < 2; as_services++) {
        struct catalog_offers offers;
        conch_error err = {0};
        const int rc = catalog_offers_read(&offers, as_services ? templates : document,
                                           as_services ? document : services, &err);
        if (rc < 0 && (rc != err.code || !err.text[0]))
            abort();
        for (size_t i = 0; rc == 0 && i < offers.image_count; i++) {
            const struct catalog_image_request request = {.prompt_chars = 1, .width = 512, .height = 512};
            struct catalog_image_resolved resolved;
            struct catalog_refusal refusal;
            if (catalog_image_find(&offers, offers.images[i].slug) != &offers.images[i])
                abort();
            catalog_image_resolve(&offers.images[i], &request, &resolved, &refusal);
        }
        if (rc == 0)
            catalog_offers_finish(&offers);
    }
    json_decref(templates);
    json_decref(services);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct catalog catalog;
    conch_error err = {0};
    json_t *document = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!document)
        return 0;
    const int rc = catalog_read(&catalog, document, &err);
    if (rc < 0 && (rc != err.code || !err.text[0]))
        abort();
    if (rc == 0) {
        questions_ask(&catalog);
        catalog_finish(&catalog);
    }
    offers_read(document);
    json_decref(document);
    return 0;
}
