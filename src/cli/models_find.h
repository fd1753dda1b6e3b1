/* Finding model folders by name.
 *
 * Searched in this order: the folder of --models, else each folder of $CONCH_MODELS (colons between), ./models,
 * the user's and the system's XDG data folders (conch/models in each), ../share/conch/models and ../models beside the
 * folder of the running program. A model folder has a conch.json. */
#ifndef CLI_MODELS_FIND_H
#define CLI_MODELS_FIND_H

#include <stddef.h>

#include "conch/error.h"

enum { MODELS_FIND_MAX = 256 };

/* Paths of strings; finish takes a zeroed one. */
struct models_list {
    char *path[MODELS_FIND_MAX];
    size_t count;
};
void models_list_finish(struct models_list *list);

/* The folders that are searched, existing or not. only: value of --models or NULL. */
int models_search_path(const char *only, struct models_list *ret_folders, conch_error *err);

/* Every model folder found, sorted by name within a folder; a folder reached twice is listed once. */
int models_find_all(const char *only, struct models_list *ret_models, conch_error *err);

/* name: a folder with a conch.json, or a model's name ("conch/tiny") or the last part of it or of its folder ("tiny").
 * NULL: the first model there is, complete ones first. CONCH_ERR_NOTFOUND lists what there is. */
int models_find(const char *only, const char *name, char **ret_folder, conch_error *err);

#endif
