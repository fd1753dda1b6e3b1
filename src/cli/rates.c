#include "cli/rates.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/paths.h"

static char *rates_path(void)
{
    char *path = NULL;
    return paths_user(PATHS_STATE, "rates.json", &path, NULL) == 0 ? path : NULL;
}

static json_t *document_read(const char *path)
{
    json_t *document = NULL;
    if (json_file_read(&document, path, NULL) < 0 || !json_is_object(document)) {
        json_decref(document);
        document = json_object();
    }
    return document;
}

void rates_load(const char *key, struct rates *ret)
{
    *ret = (struct rates){{0}};
    char *path = rates_path();
    if (!path)
        return;
    json_t *document = document_read(path);
    const json_t *entry = json_object_get(document, key);
    for (int phase = 0; phase < CONCH_PHASE_COUNT; phase++) {
        double rate = json_number_value(json_object_get(entry, conch_phase_name((enum conch_phase)phase)));
        ret->gflop_per_s[phase] = rate > 0 ? rate : 0;
    }
    json_decref(document);
    free(path);
}

void rates_save(const char *key, const struct rates *rates)
{
    char *path = rates_path(), *folder = NULL, *text = NULL;
    if (!path)
        return;
    json_t *document = document_read(path), *entry = json_object_get(document, key);
    if (!json_is_object(entry)) {
        json_object_set_new(document, key, json_object());
        entry = json_object_get(document, key);
    }
    for (int phase = 0; phase < CONCH_PHASE_COUNT; phase++)
        if (rates->gflop_per_s[phase] > 0)
            json_object_set_new(entry, conch_phase_name((enum conch_phase)phase), json_real(rates->gflop_per_s[phase]));
    text = json_dumps(document, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    if (text && paths_folder_of(path, &folder, NULL) == 0 && file_make_folders(folder, NULL) == 0)
        file_write_atomic(path, text, strlen(text), NULL);
    free(text);
    free(folder);
    free(path);
    json_decref(document);
}
