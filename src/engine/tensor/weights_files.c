#include "engine/tensor/weights_files.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "engine/tensor/weights.h"

static bool ends_with(const char *text, const char *end)
{
    size_t text_bytes = strlen(text), end_bytes = strlen(end);
    return text_bytes >= end_bytes && strcmp(text + text_bytes - end_bytes, end) == 0;
}

/* Makes room for one more element of a growing array. */
static int grow(void *array, size_t count, size_t *capacity, size_t element_bytes, conch_error *err)
{
    if (count < *capacity)
        return 0;
    void **slot = array;
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *larger = reallocarray(*slot, wanted, element_bytes);
    if (!larger)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a list of %zu tensors or files", wanted);
    *slot = larger;
    *capacity = wanted;
    return 0;
}

static int file_add(struct weights_files *files, const char *path, conch_error *err)
{
    if (files->count == WEIGHTS_FILES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "%s: more than the allowed %d weight files", path,
                               WEIGHTS_FILES_MAX);
    int rc = grow(&files->file, files->count, &files->capacity, sizeof *files->file, err);
    if (rc == 0)
        rc = st_open(&files->file[files->count], path, err);
    if (rc == 0)
        files->count++;
    return rc;
}

/* Takes the tensors of one file into the set; where an index says that another shard has one, it is left out. */
static int entries_add(struct weights_files *files, size_t file_index, const json_t *weight_map, const char *shard,
                       conch_error *err)
{
    const struct st_file *file = files->file[file_index];
    for (size_t i = 0; i < st_count(file); i++) {
        const struct st_tensor *tensor = st_at(file, i);
        const char *owner = json_string_value(json_object_get(weight_map, tensor->name));
        if (owner && strcmp(owner, shard) != 0)
            continue;
        int rc = grow(&files->entry, files->entry_count, &files->entry_capacity, sizeof *files->entry, err);
        if (rc < 0)
            return rc;
        files->entry[files->entry_count++] = (struct weights_entry){tensor, file_index};
    }
    return 0;
}

static int single_add(struct weights_files *files, const char *path, conch_error *err)
{
    int rc = file_add(files, path, err);
    return rc < 0 ? rc : entries_add(files, files->count - 1, NULL, NULL, err);
}

/* Loads an index and checks its shape: an object whose weight_map gives each tensor a file name. */
static int index_parse(json_t **ret, const char *path, conch_error *err)
{
    struct buf buf;
    json_t *root = NULL;
    json_error_t problem;
    buf_init(&buf, WEIGHTS_INDEX_BYTES_MAX);
    int rc = file_read(&buf, path, err);
    if (rc < 0)
        goto out;
    root = json_loadb(buf.data ? buf.data : "", buf.size, JSON_REJECT_DUPLICATES, &problem);
    if (!root) {
        rc = conch_error_set(err, CONCH_ERR_FORMAT, "%s is not valid JSON: %s at byte %d", path, problem.text,
                             problem.position);
        goto out;
    }
    const json_t *weight_map = json_object_get(root, "weight_map");
    if (!json_is_object(weight_map)) {
        rc = conch_error_set(err, CONCH_ERR_FORMAT, "%s: it has no weight_map, so it is no index of weights", path);
        goto out;
    }
    const char *name;
    json_t *shard;
    json_object_foreach((json_t *)weight_map, name, shard)
    {
        const char *text = json_string_value(shard);
        if (!text || !*text || strchr(text, '/') || strchr(text, '\\') || text[0] == '.') {
            rc = conch_error_set(err, CONCH_ERR_FORMAT,
                                 "%s: weight_map: the file of tensor %s is '%s', wanted a file name without a folder",
                                 path, name, text ? text : "not a text");
            goto out;
        }
    }
    *ret = root;
    root = NULL;
out:
    json_decref(root);
    buf_finish(&buf);
    return rc;
}

/* The position of a shard among those opened for this index, or files->count. */
static size_t shard_position(const struct weights_files *files, size_t first, const char *path)
{
    size_t i = first;
    while (i < files->count && strcmp(st_path(files->file[i]), path) != 0)
        i++;
    return i;
}

/* Opens the shard on its first mention and checks that the tensor is in it. */
static int shard_add(struct weights_files *files, size_t first, const char *index_path, const char *name,
                     const char *shard, const json_t *weight_map, conch_error *err)
{
    const char *slash = strrchr(index_path, '/');
    char *path;
    int rc = 0;
    if (asprintf(&path, "%.*s%s", slash ? (int)(slash + 1 - index_path) : 0, index_path, shard) < 0)
        return conch_error_set(err, CONCH_ERR_NOMEM, "%s: no memory for a path", index_path);
    size_t position = shard_position(files, first, path);
    if (position == files->count) {
        if (!file_exists(path))
            rc = conch_error_set(err, CONCH_ERR_NOTFOUND, "%s: the shard %s is missing beside it", index_path, shard);
        if (rc == 0)
            rc = file_add(files, path, err);
        if (rc == 0)
            rc = entries_add(files, position, weight_map, shard, err);
    }
    if (rc == 0 && !st_find(files->file[position], name))
        rc = conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s should be in %s but is not", index_path, name,
                             shard);
    free(path);
    return rc;
}

static int index_add(struct weights_files *files, const char *path, conch_error *err)
{
    json_t *root, *shard;
    const char *name;
    int rc = index_parse(&root, path, err);
    if (rc < 0)
        return rc;
    size_t first = files->count;
    json_t *weight_map = json_object_get(root, "weight_map");
    json_object_foreach(weight_map, name, shard)
    {
        rc = shard_add(files, first, path, name, json_string_value(shard), weight_map, err);
        if (rc < 0)
            break;
    }
    json_decref(root);
    return rc;
}

/* PyTorch's own shards have an index of the same form; hidden files are other programs' leftovers ("._x"). */
static int is_index(const struct dirent *item)
{
    return item->d_name[0] != '.' && ends_with(item->d_name, ".index.json") &&
           !ends_with(item->d_name, ".bin.index.json");
}

static int is_safetensors(const struct dirent *item)
{
    return item->d_name[0] != '.' && ends_with(item->d_name, ".safetensors");
}

/* Finds the one file of a kind in a folder: *ret_count counts them, *ret_path is set when there is exactly one. */
static int folder_find(char **ret_path, int *ret_count, const char *folder, int (*filter)(const struct dirent *),
                       conch_error *err)
{
    struct dirent **list = NULL;
    int rc = 0;
    int count = scandir(folder, &list, filter, alphasort);
    if (count < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot list the folder %s", folder);
    const char *slash = ends_with(folder, "/") ? "" : "/";
    if (count == 1 && asprintf(ret_path, "%s%s%s", folder, slash, list[0]->d_name) < 0) {
        *ret_path = NULL;
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "%s: no memory for a path", folder);
    } else if (count > 1) {
        rc = conch_error_set(err, CONCH_ERR_RANGE,
                             "the folder %s has %d sets of weights (%s, %s%s): name the file or index to use", folder,
                             count, list[0]->d_name, list[1]->d_name, count > 2 ? ", ..." : "");
    }
    for (int i = 0; i < count; i++)
        free(list[i]);
    free(list);
    *ret_count = count;
    return rc;
}

static int folder_add(struct weights_files *files, const char *folder, conch_error *err)
{
    char *path = NULL;
    int count;
    int rc = folder_find(&path, &count, folder, is_index, err);
    if (rc < 0)
        return rc;
    if (count == 1) {
        rc = index_add(files, path, err);
    } else {
        rc = folder_find(&path, &count, folder, is_safetensors, err);
        if (rc == 0 && count == 0)
            rc = conch_error_set(err, CONCH_ERR_NOTFOUND, "the folder %s has no .safetensors file", folder);
        if (rc == 0)
            rc = single_add(files, path, err);
    }
    free(path);
    return rc;
}

int weights_files_add(struct weights_files *files, const char *path, conch_error *err)
{
    struct stat info;
    if (stat(path, &info) < 0)
        return conch_error_errno(err, errno == ENOENT ? CONCH_ERR_NOTFOUND : CONCH_ERR_IO, errno, "cannot open %s",
                                 path);
    if (S_ISDIR(info.st_mode))
        return folder_add(files, path, err);
    if (ends_with(path, ".json"))
        return index_add(files, path, err);
    return single_add(files, path, err);
}

void weights_files_finish(struct weights_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        st_close(files->file[i]);
    free(files->file);
    free(files->entry);
    *files = (struct weights_files){0};
}
