/* Requests of the native interface from a stranger. The first byte says which part: a body of JSON for a job, a form
 * for one (lines NAME=VALUE, or NAME@VALUE for a file), a header with a range, a path. A refusal names its words; what
 * is taken stays within its limits, and what is written is JSON that can be read again. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "server/dialect/native.h"
#include "server/http/files.h"
#include "server/http/router.h"

enum { DEPTH_MAX = 32, FILE_BYTES = 1000 };

static void submit_check(struct dialect_call *call)
{
    struct native_submit read;
    const int rc = native_submit_read(call, &read);
    const struct api_submit *submit = &read.submit;
    if (rc < 0 && (call->problem.kind == API_OK || !call->problem.text[0]))
        abort();
    if (submit->media_count > STORE_INPUTS_MAX)
        abort();
    for (size_t i = 0; rc == 0 && i < submit->media_count; i++) {
        const struct api_media *media = &submit->media[i];
        if ((media->url != NULL) + (media->data != NULL) + (media->path != NULL) + (media->file_id != 0) != 1 ||
            !media->field[0])
            abort();
    }
    if (rc == 0 && (submit->seconds < 0 || submit->seconds > 3600 || submit->width < 0 || submit->height < 0 ||
                    submit->seed < -1 || submit->steps < 0 || submit->steps > 1000))
        abort();
    native_submit_finish(&read);
}

static void json_check(char *text, size_t size)
{
    struct http_request request = {.body = text, .body_size = size};
    struct dialect_call call = {.request = &request};
    if (dialect_json_parse(text, size, DEPTH_MAX, &call.json, &call.problem) < 0) {
        if (call.problem.kind != API_INVALID || !call.problem.text[0])
            abort();
        return;
    }
    submit_check(&call);
    json_decref(call.json);
}

static void form_check(char *text)
{
    struct http_part parts[40];
    struct http_request request = {.parts = parts, .multipart = true};
    struct dialect_call call = {.request = &request};
    for (char *line = strtok(text, "\n"); line && request.part_count < 40; line = strtok(NULL, "\n")) {
        const size_t name = strcspn(line, "=@");
        const bool file = line[name] == '@';
        if (!line[name])
            continue;
        line[name] = 0;
        parts[request.part_count++] = (struct http_part){
            .name = line, .filename = file ? "f" : NULL, .data = line + name + 1, .size = strlen(line + name + 1)};
    }
    submit_check(&call);
}

static void range_check(const char *text)
{
    int64_t offset, size;
    const enum file_range range = files_range(text, FILE_BYTES, &offset, &size);
    if (range != FILE_RANGE_NONE && (offset < 0 || size < 1 || offset + size > FILE_BYTES))
        abort();
    files_tag_match(text, "\"abc\"");
}

static void path_check(const char *text)
{
    static const struct dialect *const dialects[] = {&dialect_conch};
    static struct router *router;
    struct router_match match;
    if (!router && router_create(&router, dialects, 1, NULL) < 0)
        abort();
    router_find(router, HTTP_GET, text, &match);
    for (size_t i = 0; match.row && i < match.parameter_count; i++)
        if (!match.parameters[i].value[0] || strchr(match.parameters[i].value, '/'))
            abort();
    if (router_owner(router, text) != &dialect_conch)
        abort();
}

/* Whatever text stands in an answer. */
static void answer_check(const char *text)
{
    struct buf buf;
    struct out out;
    buf_init(&buf, 1 << 20);
    out_init(&out, &buf, NULL);
    out_object(&out, NULL);
    out_text(&out, "text", text);
    out_texts(&out, "texts", text, text);
    out_object_end(&out);
    json_t *json = out_finish(&out) == 0 ? json_loadb(buf.data, buf.size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!json)
        abort();
    json_decref(json);
    buf_finish(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text || size < 1) {
        free(text);
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    answer_check(text);
    switch (data[0]) {
    case 'j': json_check(text, size - 1); break;
    case 'f': form_check(text); break;
    case 'r': range_check(text); break;
    case 'p': path_check(text); break;
    default: break;
    }
    free(text);
    return 0;
}
