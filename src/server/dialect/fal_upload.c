/* The storage host: a client asks for an address, puts the bytes there, and names the file by another address.
 *
 * Nothing is stored between the two calls: the addresses carry account, a random token and a proof. The file is kept
 * under a purpose made of the token, by which its address finds it. Anybody who has the address can read the file, as
 * on fal's own host; it can be written once, for an hour. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/hash.h"
#include "base/text.h"
#include "net/url.h"
#include "server/dialect/fal.h"

enum { TOKEN_BYTES = 12, TOKEN_SIZE = 2 * TOKEN_BYTES + 1, NAME_BYTES_MAX = 100 };

static const char file_mount[] = "/fal/storage/file/";

struct place {
    int64_t account_id;
    char token[TOKEN_SIZE];
};

/* What is proved: reading (until_s 0) or writing until then. */
static struct hash_hex proof_of(const struct api *api, const struct place *place, int64_t until_s)
{
    char text[120];
    snprintf(text, sizeof text, "fal upload %lld %s %lld", (long long)place->account_id, place->token,
             (long long)until_s);
    return api_proof(api, text);
}

static void purpose_of(const struct place *place, char ret[32])
{
    snprintf(ret, 32, "fal_%s", place->token);
}

static bool token_valid(const char *text)
{
    return strlen(text) == TOKEN_SIZE - 1 && strspn(text, "0123456789abcdef") == TOKEN_SIZE - 1;
}

/* ---- initiate ---- */

static int names_read(struct dialect_call *call, const char **ret_name)
{
    const char *type = NULL;
    *ret_name = "upload";
    if (dialect_text(call->json, "content_type", &type, &call->problem) < 0 ||
        dialect_text(call->json, "file_name", ret_name, &call->problem) < 0)
        return -1;
    const char *slash = strrchr(*ret_name, '/');
    *ret_name = slash ? slash + 1 : *ret_name;
    if (!**ret_name)
        *ret_name = "upload";
    return 0;
}

static int address_add(struct buf *buf, const char *origin, const char *path, const char *name, conch_error *err)
{
    char kept[NAME_BYTES_MAX + 1];
    const size_t size = text_utf8_cut(name, strlen(name), NAME_BYTES_MAX);
    memcpy(kept, name, size);
    kept[size] = '\0';
    int rc = buf_append_format(buf, err, "%s%s/", origin, path);
    return rc < 0 ? rc : url_encode(buf, kept, "", err);
}

static int initiate_write(struct dialect_call *call, const struct place *place, const char *name, conch_error *err)
{
    const int64_t until_s = call->now_ms / 1000 + FAL_UPLOAD_S;
    char put[240], get[240];
    struct buf upload, file;
    struct out out;
    snprintf(put, sizeof put, "/fal/storage/put/%lld/%s/%lld/%s", (long long)place->account_id, place->token,
             (long long)until_s, proof_of(call->api, place, until_s).text);
    snprintf(get, sizeof get, "%s%lld/%s/%s", file_mount, (long long)place->account_id, place->token,
             proof_of(call->api, place, 0).text);
    buf_init(&upload, 4096);
    buf_init(&file, 4096);
    int rc = address_add(&upload, call->request->origin, put, name, err);
    if (rc == 0)
        rc = address_add(&file, call->request->origin, get, name, err);
    if (rc == 0) {
        dialect_answer_begin(call, &out, err);
        out_object(&out, NULL);
        out_text(&out, "upload_url", upload.data);
        out_text(&out, "file_url", file.data);
        out_object_end(&out);
        rc = out_finish(&out);
    }
    buf_finish(&upload);
    buf_finish(&file);
    return rc;
}

int fal_upload_initiate(struct dialect_call *call)
{
    struct place place = {.account_id = call->caller->key.account_id};
    uint8_t random[TOKEN_BYTES];
    struct buf hex;
    const char *name;
    conch_error err = {0};
    if (names_read(call, &name) < 0)
        return -1;
    hash_random(random, sizeof random);
    buf_init(&hex, TOKEN_SIZE);
    int rc = encode(&hex, ENCODE_HEX, random, sizeof random, &err);
    if (rc == 0) {
        memcpy(place.token, hex.data, sizeof place.token);
        rc = initiate_write(call, &place, name, &err);
    }
    buf_finish(&hex);
    if (rc == 0)
        rc = http_response_header(call->response, "Content-Type", "application/json", &err);
    if (rc < 0)
        return dialect_trouble(&call->problem, &err);
    call->response->kind = HTTP_BODY_MEMORY;
    call->response->status = 200;
    return 0;
}

/* Clients send files above 90 MB in parts. No model here takes one of that size. */
int fal_upload_multipart(struct dialect_call *call)
{
    return api_refuse(&call->problem, API_UNAVAILABLE_HERE, "content_type",
                      "files in parts are not taken here: no model takes one that is larger than a single upload");
}

/* ---- the bytes ---- */

/* The account whose file it is, as whoever holds the proof. */
static struct api_caller owner_of(const struct dialect_call *call, const struct place *place)
{
    return (struct api_caller){
        .key = {.account_id = place->account_id, .scopes = STORE_SCOPE_READ | STORE_SCOPE_GENERATE},
        .origin = call->request->origin};
}

static int refuse_proof(struct dialect_call *call)
{
    return api_refuse(&call->problem, API_FORBIDDEN, "",
                      "this address is not one that was given here, or its time is over");
}

static bool place_read(const struct dialect_call *call, struct place *ret)
{
    const char *token = dialect_parameter(call, "token");
    if (!token_valid(token) || !dialect_id_parse(dialect_parameter(call, "account"), &ret->account_id))
        return false;
    memcpy(ret->token, token, sizeof ret->token);
    return true;
}

/* *ret_found: whether bytes have been put there. */
static int file_find(struct dialect_call *call, const struct place *place, struct store_file *ret, bool *ret_found)
{
    const struct api_caller owner = owner_of(call, place);
    const struct store_page page = {.count = 1};
    char purpose[32];
    size_t count = 1;
    purpose_of(place, purpose);
    const struct store_file_filter filter = {.account_id = place->account_id, .purpose = purpose};
    if (api_file_list(call->api, &owner, &filter, &page, ret, &count, &call->problem) < 0)
        return -1;
    *ret_found = count == 1;
    return 0;
}

int fal_upload_put(struct dialect_call *call)
{
    const struct http_request *request = call->request;
    struct place place;
    struct store_file file;
    int64_t until_s;
    bool found;
    char purpose[32];
    conch_error err = {0};
    if (!place_read(call, &place) || !text_integer(dialect_parameter(call, "until"), 1, INT64_MAX, &until_s) ||
        !hash_text_equal(proof_of(call->api, &place, until_s).text, dialect_parameter(call, "proof")) ||
        call->now_ms / 1000 > until_s)
        return refuse_proof(call);
    if (file_find(call, &place, &file, &found) < 0)
        return -1;
    if (found)
        return api_refuse(&call->problem, API_CONFLICT, "", "a file was put at this address already");
    if (!request->body || !request->body_size)
        return api_refuse(&call->problem, API_INVALID, "body", "the file is empty");
    const struct api_caller owner = owner_of(call, &place);
    purpose_of(&place, purpose);
    const struct api_upload upload = {
        .purpose = purpose, .name = dialect_parameter(call, "name"), .data = request->body, .size = request->body_size};
    if (api_file_put(call->api, &owner, &upload, NULL, &file, &call->problem) < 0)
        return -1;
    return http_response_text(call->response, 200, "application/json", "{}", &err) < 0
               ? dialect_trouble(&call->problem, &err)
               : 0;
}

int fal_upload_get(struct dialect_call *call)
{
    struct place place;
    bool found;
    if (!place_read(call, &place) ||
        !hash_text_equal(proof_of(call->api, &place, 0).text, dialect_parameter(call, "proof")))
        return refuse_proof(call);
    if (file_find(call, &place, &call->file.file, &found) < 0)
        return -1;
    if (!found)
        return api_refuse(&call->problem, API_NOT_FOUND, "", "nothing was put at this address, or it is gone");
    call->file.accept_anywhere = true;
    call->outcome = DIALECT_FILE;
    return 0;
}

/* ---- in an input ---- */

/* "http://HOST/fal/storage/file/ACCOUNT/TOKEN/PROOF/NAME": whatever the host, the proof says that it is ours. */
static bool address_read(const struct api *api, const char *url, struct place *ret)
{
    const char *at = strstr(url, file_mount);
    char account[24], proof[HASH_HEX_SIZE];
    if (!at || !text_begins(url, "http"))
        return false;
    at += sizeof file_mount - 1;
    if (sscanf(at, "%23[0-9]/%24[0-9a-f]/%64[0-9a-f]/", account, ret->token, proof) != 3 || !token_valid(ret->token) ||
        !dialect_id_parse(account, &ret->account_id))
        return false;
    return hash_text_equal(proof_of(api, ret, 0).text, proof);
}

int fal_uploads_resolve(struct dialect_call *call, struct fal_input *input)
{
    for (size_t i = 0; i < input->submit.media_count; i++) {
        struct api_media *media = &input->media[i];
        struct store_file file;
        struct place place;
        bool found;
        if (!address_read(call->api, media->url, &place) || place.account_id != call->caller->key.account_id)
            continue;
        if (file_find(call, &place, &file, &found) < 0)
            return -1;
        if (!found)
            return api_refuse(&call->problem, API_FETCH, media->field,
                              "%s: nothing was put at this address, or it is gone", media->field);
        media->url = NULL;
        media->file_id = file.id;
    }
    return 0;
}
