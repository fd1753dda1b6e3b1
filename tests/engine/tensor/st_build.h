/* Makes small safetensors files for tests, in memory or in a folder of their own under /tmp. */
#ifndef TESTS_ST_BUILD_H
#define TESTS_ST_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct st_build {
    struct buf header, data, file;
};

void st_build_init(struct st_build *build);
void st_build_finish(struct st_build *build);

/* One more tensor. shape is the JSON text, as "[2, 3]"; name goes into the header as it is. */
void st_build_add(struct st_build *build, const char *name, const char *dtype, const char *shape, const void *data,
                  size_t bytes);

/* A field other than a tensor, as "\"__metadata__\": {}". */
void st_build_field(struct st_build *build, const char *text);

/* Puts the file together in build->file. */
void st_build_file(struct st_build *build);

/* Makes /tmp/conch-test-NAME-XXXXXX and returns it; folder_remove deletes it. */
const char *folder_make(const char *name);
void folder_remove(void);

/* The path of a file in that folder; the last eight results stay valid. */
const char *in_folder(const char *name);

/* Writes build (which it puts together and finishes) or text to a file in the folder and returns its path. */
const char *st_build_write(struct st_build *build, const char *name);
const char *text_write(const char *name, const char *text);

/* tests/golden/NAME; the last eight results stay valid. */
const char *golden(const char *name);

#endif
