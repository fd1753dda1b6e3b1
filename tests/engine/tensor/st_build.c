#include "st_build.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

static char folder[64];

static char *path_slot(void)
{
    static char paths[8][4096];
    static unsigned next;
    return paths[next++ % 8];
}

void st_build_init(struct st_build *build)
{
    buf_init(&build->header, (size_t)1 << 30);
    buf_init(&build->data, (size_t)1 << 30);
    buf_init(&build->file, (size_t)1 << 30);
}

void st_build_finish(struct st_build *build)
{
    buf_finish(&build->header);
    buf_finish(&build->data);
    buf_finish(&build->file);
}

void st_build_field(struct st_build *build, const char *text)
{
    int rc = buf_append_format(&build->header, NULL, "%s%s", build->header.size ? "," : "{", text);
    assert(rc == 0);
}

void st_build_add(struct st_build *build, const char *name, const char *dtype, const char *shape, const void *data,
                  size_t bytes)
{
    int rc = buf_append_format(
        &build->header, NULL, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
        build->header.size ? "," : "{", name, dtype, shape, build->data.size, build->data.size + bytes);
    assert(rc == 0);
    rc = buf_append(&build->data, data, bytes, NULL);
    assert(rc == 0);
}

void st_build_file(struct st_build *build)
{
    int rc = buf_append_text(&build->header, build->header.size ? "}" : "{}", NULL);
    uint64_t size = build->header.size;
    rc |= buf_append(&build->file, &size, sizeof size, NULL);
    rc |= buf_append(&build->file, build->header.data, build->header.size, NULL);
    rc |= buf_append(&build->file, build->data.data, build->data.size, NULL);
    assert(rc == 0);
}

const char *folder_make(const char *name)
{
    snprintf(folder, sizeof folder, "/tmp/conch-test-%s-XXXXXX", name);
    return mkdtemp(folder);
}

void folder_remove(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        abort();
}

const char *in_folder(const char *name)
{
    char *path = path_slot();
    snprintf(path, 4096, "%s/%s", folder, name);
    return path;
}

const char *st_build_write(struct st_build *build, const char *name)
{
    const char *path = in_folder(name);
    st_build_file(build);
    int rc = file_write_atomic(path, build->file.data, build->file.size, NULL);
    assert(rc == 0);
    st_build_finish(build);
    return path;
}

const char *text_write(const char *name, const char *text)
{
    const char *path = in_folder(name);
    int rc = file_write_atomic(path, text, strlen(text), NULL);
    assert(rc == 0);
    return path;
}

const char *golden(const char *name)
{
    const char *root = getenv("CONCH_TEST_ROOT");
    char *path = path_slot();
    snprintf(path, 4096, "%s/tests/golden/%s", root ? root : ".", name);
    return path;
}
