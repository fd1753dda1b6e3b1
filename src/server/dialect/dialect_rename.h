/* Fields that a dialect calls otherwise than the API and the catalog do. */
#ifndef SERVER_DIALECT_DIALECT_RENAME_H
#define SERVER_DIALECT_DIALECT_RENAME_H

#include "server/api/api.h"

/* Rows of two, ours and theirs, ending in NULL. */
struct dialect_name {
    const char *ours, *theirs;
};

/* The problem in the words of a dialect: its field is renamed, also where its text begins with it. */
void dialect_rename(struct api_problem *problem, const struct dialect_name *names);

#endif
