/* A catalog from a stranger: taken whole or refused with a text, and what is taken answers every question. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "server/job/catalog.h"

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
    json_decref(document);
    return 0;
}
