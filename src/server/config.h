/* What the operator decided: defaults, then an INI file, then the environment, then the command line; later ones win.
 *
 * Every key stands in one table (config_keys.c) with its type, limits, default and help text; what follows are the
 * values, named section.key. In the environment a key is CONCH_SECTION_KEY (CONCH_SERVER_LISTEN). An unknown section or
 * key, a key given twice or a value that is not allowed is an error with file, line and, where one is near, the name
 * that was probably meant. [aliases] has free keys: a model's name as clients send it = the slug that serves it.
 *
 * An environment variable that begins like a section of ours and is no key (container platforms make such:
 * CONCH_SERVER_PORT) is no error; it is listed in `strange` for a warning.
 *
 * Nothing here is looked at but form and range: folders are not made, addresses not resolved, slugs not looked up. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conch/error.h"
#include "server/job/catalog.h"

enum {
    CONFIG_FILE_BYTES_MAX = 1 << 20,
    CONFIG_VALUE_BYTES_MAX = 16 << 10,
    CONFIG_LIST_MAX = 64,
    CONFIG_ALIASES_MAX = 256,
    CONFIG_ADMIN_KEY_CHARS_MIN = 8,
    CONFIG_ADMIN_KEY_CHARS_MAX = 256,
};

enum config_speed { CONFIG_SPEED_INSTANT, CONFIG_SPEED_REAL };
enum config_optimizer { CONFIG_OPTIMIZER_LOCAL, CONFIG_OPTIMIZER_CHAT, CONFIG_OPTIMIZER_OFF };
enum config_policy { CONFIG_POLICY_OFF, CONFIG_POLICY_WORDS, CONFIG_POLICY_HTTP };

struct config_list {
    char **items; /* never NULL inside; in the order given */
    size_t count;
};

/* Units are in the names: _bytes, _ms, _microusd. Text is never NULL: "" is not set. Limits of 0 mean "none" only where
 * the key's help says so. */
struct config {
    struct {
        char *listen;                    /* ADDRESS:PORT, [::1]:8787 */
        char *public_url;                /* "" or http(s)://host[:port], no slash at the end */
        char *tls_certificate, *tls_key; /* both "" or both files */
        bool trust_forwarded;
        char *data; /* absolute unless the operator gave a relative one */
        int64_t threads, handlers, handler_queue_max, connections_max;
        int64_t header_bytes_max, body_bytes_max, upload_bytes_max, inflight_bytes_max, spool_bytes_max;
        int64_t idle_timeout_ms, header_timeout_ms, body_timeout_ms, stop_timeout_ms;
        int log_level;                   /* enum log_level */
        int log_format;                  /* enum log_format */
        struct config_list cors_origins; /* "*" or origins */
    } server;
    struct {
        int64_t prompt_chars_max, json_depth_max;
        int64_t queued_per_key, running_per_key, requests_per_minute_per_key;
        int64_t events_backlog_max, sse_clients_max, jobs_list_max, webhook_body_bytes_max;
        int64_t image_bytes_max, image_pixels_max, video_bytes_max, audio_bytes_max, storage_bytes_per_account;
    } limits;
    struct {
        int64_t lease_ms, attempts, retention_ms, upload_retention_ms, link_lifetime_ms, idempotency_lifetime_ms;
        int64_t priority_max, unknown_alert_after_ms;
    } jobs;
    struct {
        bool enabled, preview;
        struct config_list models; /* folders; none: where conch generate looks */
        char *default_model;
        int64_t threads, memory_bytes; /* 0: what the machine has */
        int64_t timeout_ms;
    } engine;
    struct {
        bool enabled;
        bool charge;     /* takes the list price from the account, to rehearse the way of the money too */
        bool references; /* rehearses modes whose pictures our pixels cannot show: subjects, references */
        int speed;       /* enum config_speed */
        char *watermark;
    } sandbox;
    struct {
        struct catalog_pin *items; /* name and slug, both owned here */
        size_t count;
    } aliases;
    struct {
        int mode; /* enum config_optimizer */
        char *chat_url, *chat_key, *chat_model;
        int64_t timeout_ms;
    } optimizer;
    struct {
        int policy; /* enum config_policy, of keys that have none of their own */
        char *words_file;
        char *classifier_url, *classifier_key;
        int64_t classifier_timeout_ms;
        bool classifier_fail_open; /* whether a prompt passes when the classifier does not answer */
    } safety;
    struct {
        struct config_list allow; /* CIDRs, addresses or "*" beyond the public Internet */
        bool allow_http;
        int64_t bytes_max, timeout_ms, connect_timeout_ms, redirects_max;
    } fetch;
    struct {
        int64_t attempts, span_ms, timeout_ms, challenge_timeout_ms;
        char *signing_secret; /* "": each account has its own */
    } webhooks;
    struct {
        int64_t starting_microusd;
        bool charge_local;
        int64_t local_microusd_per_second, local_microusd_per_video; /* both 0: the catalog's prices */
        struct config_list order;                                    /* "package", "credits", "payg" */
    } credits;
    char *admin_key;            /* CONCH_ADMIN_KEY alone; "": not set */
    char *path;                 /* the file that was read; "": none */
    struct config_list strange; /* names of environment variables that look like keys and are none */
};

/* One value of the command line. */
struct config_override {
    const char *name;   /* "server.listen", "aliases.MiniMax-Hailuo-02" */
    const char *value;  /* as in a file */
    const char *option; /* how it was given, for error texts: "--listen"; NULL: --set NAME=VALUE */
};

struct config_settings {
    const char *path;         /* a file that must exist; NULL: conch/server.ini in the user's and then the system's
                                 XDG config folders, or none */
    char *const *environment; /* environ; NULL: empty */
    const struct config_override *overrides;
    size_t override_count;
};

/* CONCH_ERR_RANGE for a name or value, CONCH_ERR_FORMAT for a file that is no INI, CONCH_ERR_NOTFOUND, CONCH_ERR_IO,
 * CONCH_ERR_LIMIT, CONCH_ERR_NOMEM. *ret is written on success only. */
int config_load(struct config *ret, const struct config_settings *settings, conch_error *err);

/* Takes a zeroed one. */
void config_finish(struct config *config);

/* Appends a complete file: every key with help, type and limits, all commented out at its default (--print-config). */
int config_print(struct buf *buf, conch_error *err);

/* Appends the values in force as "section.key = value" lines; of secrets the last four characters. */
int config_write(const struct config *config, struct buf *buf, conch_error *err);

#endif
