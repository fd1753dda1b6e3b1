/* Links that are their own proof: whoever has one may read that file until it expires. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/id.h"
#include "base/text.h"
#include "net/url.h"
#include "server/api/api_state.h"

/* Ids are never used twice, so an id and a time are all there is to prove; nothing is looked up for a wrong proof, and
 * whoever has none learns nothing about which files there are. */
static struct hash link_proof(const struct api *api, int64_t file_id, int64_t expires_s)
{
    char text[80];
    const int size = snprintf(text, sizeof text, "file\n%lld\n%lld", (long long)file_id, (long long)expires_s);
    return hash_hmac_sha256(api->link_secret.bytes, HASH_BYTES, text, (size_t)size);
}

/* The proof is 43 characters of base64url, as encode makes them. */
static int proof_text(const struct hash *proof, struct buf *text)
{
    buf_init(text, 64);
    return encode(text, ENCODE_BASE64URL, proof->bytes, HASH_BYTES, NULL);
}

char *api_file_link(struct api *api, const char *origin, const struct store_file *file, int64_t lifetime_ms,
                    int64_t *ret_expires_ms)
{
    const int64_t now_ms = clock_wall_ms();
    int64_t expires_ms = now_ms + (lifetime_ms > 0 ? lifetime_ms : api->config->jobs.link_lifetime_ms);
    if (file->expires_ms && expires_ms > file->expires_ms)
        expires_ms = file->expires_ms;
    const int64_t expires_s = expires_ms / 1000;
    const struct hash proof = link_proof(api, file->id, expires_s);
    struct buf mac, link;
    buf_init(&link, 8192);
    const bool made = proof_text(&proof, &mac) == 0 &&
                      buf_append_format(&link, NULL, "%s/files/%lld/%lld/%s/", origin, (long long)file->id,
                                        (long long)expires_s, mac.data) == 0 &&
                      url_encode(&link, file->name[0] ? file->name : "file", NULL, NULL) == 0;
    buf_finish(&mac);
    if (!made) {
        buf_finish(&link);
        return NULL;
    }
    if (ret_expires_ms)
        *ret_expires_ms = expires_s * 1000;
    return link.data;
}

struct link {
    int64_t id, expires_s;
    char proof[64];
};

static bool link_parse(const char *path, struct link *ret)
{
    static const char prefix[] = "/files/";
    char id[20], expires[20];
    int used = 0;
    if (!text_begins(path, prefix) ||
        sscanf(path + strlen(prefix), "%19[0-9]/%19[0-9]/%63[A-Za-z0-9_-]/%n", id, expires, ret->proof, &used) != 3 ||
        used == 0 || !path[strlen(prefix) + (size_t)used])
        return false;
    return id_parse(id, &ret->id) && text_integer(expires, 1, INT64_C(1) << 40, &ret->expires_s);
}

int api_file_by_link(struct api *api, const char *path, struct store_file *ret, struct api_problem *ret_problem)
{
    struct link link;
    struct buf mac;
    if (!link_parse(path, &link))
        return api_refuse(ret_problem, API_NOT_FOUND, "", "there is no such file");
    const struct hash proof = link_proof(api, link.id, link.expires_s);
    const bool good = proof_text(&proof, &mac) == 0 && hash_text_equal(mac.data, link.proof);
    buf_finish(&mac);
    if (!good)
        return api_refuse(ret_problem, API_FORBIDDEN, "", "this link is not one of ours");
    if (link.expires_s <= clock_wall_ms() / 1000)
        return api_refuse(ret_problem, API_FORBIDDEN, "", "this link has expired; ask for a new one");
    return api_file_find(api, link.id, 0, ret, ret_problem);
}
