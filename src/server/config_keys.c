#include "server/config_keys.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"

/* HOST:PORT, [IPV6]:PORT */
static bool is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (!colon || colon == text || strpbrk(text, " /@") || !text_integer(colon + 1, 0, 65535, &port) ||
        colon[1] == '+' || colon[1] == '-')
        return false;
    const bool brackets = text[0] == '[' && colon[-1] == ']';
    return brackets || !memchr(text, ':', (size_t)(colon - text));
}

static bool is_url(const char *text)
{
    const char *host = text_begins(text, "https://") ? text + 8 : text_begins(text, "http://") ? text + 7 : "";
    return *host && *host != '/' && *host != ':' && !strpbrk(text, " \t\"<>?#@\\");
}

static bool is_origin(const char *text)
{
    return strcmp(text, "*") == 0 || (is_url(text) && !strchr(strstr(text, "//") + 2, '/'));
}

/* "*", an address or ADDRESS/BITS. */
static bool is_network(const char *text)
{
    char address[64];
    unsigned char bytes[16];
    const size_t length = strcspn(text, "/");
    int64_t bits;
    if (strcmp(text, "*") == 0)
        return true;
    if (length >= sizeof address)
        return false;
    memcpy(address, text, length);
    address[length] = 0;
    const int bits_max = inet_pton(AF_INET, address, bytes) == 1    ? 32
                         : inet_pton(AF_INET6, address, bytes) == 1 ? 128
                                                                    : -1;
    if (bits_max < 0)
        return false;
    return !text[length] || (text[length + 1] >= '0' && text_integer(text + length + 1, 0, bits_max, &bits));
}

static bool is_purse(const char *text)
{
    return strcmp(text, "package") == 0 || strcmp(text, "credits") == 0 || strcmp(text, "payg") == 0;
}

static bool is_model(const char *text)
{
    return strlen(text) <= 128 && !strpbrk(text, " \t\"'\\,");
}

/* Standard Webhooks writes secrets as whsec_ and base64; any text of some length serves. */
static bool is_signing_secret(const char *text)
{
    return strlen(text) >= 24;
}

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define KB     (INT64_C(1) << 10)
#define MB     (INT64_C(1) << 20)
#define GB     (INT64_C(1) << 30)
#define TB     (INT64_C(1) << 40)

#define BOOL(section_, name_, field_, standard_, help_)                                                                \
    {                                                                                                                  \
        .section = #section_, .key = name_, .type = CONFIG_BOOL, .offset = offsetof(struct config, section_.field_),   \
        .standard = standard_, .help = help_                                                                           \
    }
#define NUMBER(type_, section_, name_, field_, min_, max_, standard_, help_)                                           \
    {                                                                                                                  \
        .section = #section_, .key = name_, .type = type_, .offset = offsetof(struct config, section_.field_),         \
        .min = min_, .max = max_, .standard = standard_, .help = help_                                                 \
    }
#define INT(...)      NUMBER(CONFIG_INT, __VA_ARGS__)
#define BYTES(...)    NUMBER(CONFIG_BYTES, __VA_ARGS__)
#define DURATION(...) NUMBER(CONFIG_DURATION, __VA_ARGS__)
#define ENUM(section_, name_, field_, words_, standard_, help_)                                                        \
    {                                                                                                                  \
        .section = #section_, .key = name_, .type = CONFIG_ENUM, .offset = offsetof(struct config, section_.field_),   \
        .words = words_, .standard = standard_, .help = help_                                                          \
    }
#define TEXT(type_, section_, name_, field_, standard_, help_, ...)                                                    \
    {                                                                                                                  \
        .section = #section_, .key = name_, .type = type_, .offset = offsetof(struct config, section_.field_),         \
        .standard = standard_, .help = help_, ##__VA_ARGS__                                                            \
    }

#define CHECK_URL .check = is_url, .wanted = "a URL as https://example.org or http://127.0.0.1:8080/v1"

static const struct config_key keys[] = {
    TEXT(CONFIG_TEXT, server, "listen", listen, "127.0.0.1:8787",
         "Where the server listens. 0.0.0.0:8787 is every network card; use TLS then, here or in front of it.",
         .check = is_address, .wanted = "ADDRESS:PORT, as 127.0.0.1:8787 or [::1]:8787", .min = 1),
    TEXT(CONFIG_TEXT, server, "public_url", public_url, "",
         "How clients reach the server, for links in answers. Empty: what each request was addressed to.", CHECK_URL),
    TEXT(CONFIG_PATH, server, "tls_certificate", tls_certificate, "",
         "PEM file of the certificate and those that vouch for it, for https. Empty: plain HTTP."),
    TEXT(CONFIG_PATH, server, "tls_key", tls_key, "", "PEM file of its key, without a passphrase."),
    BOOL(server, "trust_forwarded", trust_forwarded, "false",
         "Believe X-Forwarded-For, -Proto and -Host: only behind a reverse proxy that sets them."),
    TEXT(CONFIG_PATH, server, "data", data, "",
         "Folder of the database and of all files. Empty: $XDG_DATA_HOME/conch or ~/.local/share/conch."),
    INT(server, "threads", threads, 1, 64, "4", "Threads that read and write sockets."),
    INT(server, "handlers", handlers, 1, 256, "32", "Threads that handle requests which have to wait for the disk."),
    INT(server, "handler_queue_max", handler_queue_max, 1, 65536, "1024",
        "Requests that may wait for such a thread; beyond that they are answered 503."),
    INT(server, "connections_max", connections_max, 1, 65536, "4096", "Connections at one time."),
    BYTES(server, "header_bytes_max", header_bytes_max, 4 * KB, MB, "32K", "Request line and headers of one request."),
    BYTES(server, "body_bytes_max", body_bytes_max, KB, GB, "64M",
          "Body of one request that is no upload; pictures as data URLs come in these."),
    BYTES(server, "upload_bytes_max", upload_bytes_max, KB, TB, "512M", "One uploaded file."),
    BYTES(server, "inflight_bytes_max", inflight_bytes_max, MB, TB, "256M",
          "Memory for all bodies being received or handled; beyond that new ones are answered 503."),
    BYTES(server, "spool_bytes_max", spool_bytes_max, MB, 64 * TB, "4G", "Disk space for all uploads being received."),
    DURATION(server, "idle_timeout", idle_timeout_ms, 1000, HOUR, "60s", "A connection on which nothing happens."),
    DURATION(server, "header_timeout", header_timeout_ms, 100, HOUR, "30s",
             "All headers of a request, from the first byte to the last; a byte now and then does not make it longer."),
    DURATION(server, "body_timeout", body_timeout_ms, 1000, DAY, "5m", "From the first byte of a body to its last."),
    DURATION(server, "stop_timeout", stop_timeout_ms, 0, HOUR, "10s",
             "How long requests in progress may take to end when the server is stopped."),
    ENUM(server, "log_level", log_level, "debug info warn error off", "info", "The least that is logged."),
    ENUM(server, "log_format", log_format, "auto text json", "auto",
         "Lines for people, or JSON; auto: lines on a terminal, JSON elsewhere."),
    TEXT(CONFIG_LIST, server, "cors_origins", cors_origins, "",
         "Web pages of other origins that may call the API from a browser: https://example.org, or * for all.",
         .check = is_origin, .wanted = "* or origins as https://example.org"),

    INT(limits, "prompt_chars_max", prompt_chars_max, 1, 1000000, "40000",
        "Characters of a prompt, whatever a model would take."),
    INT(limits, "json_depth_max", json_depth_max, 4, 512, "32", "How deep JSON of requests may be nested."),
    INT(limits, "queued_per_key", queued_per_key, 0, 1000000, "100",
        "Jobs of one API key that wait; beyond that it gets 429. 0: no limit."),
    INT(limits, "running_per_key", running_per_key, 0, 1000000, "10",
        "Jobs of one API key that run at one time; further ones wait. 0: no limit."),
    INT(limits, "requests_per_minute_per_key", requests_per_minute_per_key, 0, 10000000, "0",
        "Requests of one API key in a minute, reading aside; beyond that it gets 429. 0: no limit."),
    INT(limits, "events_backlog_max", events_backlog_max, 16, 1000000, "1024",
        "Events that may wait for a slow reader of an event stream before it is closed."),
    INT(limits, "sse_clients_max", sse_clients_max, 0, 65536, "512", "Event streams at one time."),
    INT(limits, "jobs_list_max", jobs_list_max, 1, 10000, "100", "Rows in one page of a list."),
    BYTES(limits, "webhook_body_bytes_max", webhook_body_bytes_max, KB, 16 * MB, "256K", "Body of one webhook."),
    BYTES(limits, "image_bytes_max", image_bytes_max, KB, GB, "30M", "One picture."),
    INT(limits, "image_pixels_max", image_pixels_max, 1, INT64_C(1) << 30, "67108864",
        "Width times height of a picture."),
    BYTES(limits, "video_bytes_max", video_bytes_max, KB, TB, "50M", "One video given as a reference."),
    BYTES(limits, "audio_bytes_max", audio_bytes_max, KB, TB, "15M", "One sound file given as a reference."),
    BYTES(limits, "storage_bytes_per_account", storage_bytes_per_account, 0, 1024 * TB, "100G",
          "Files of one account altogether. 0: no limit."),

    DURATION(jobs, "lease", lease_ms, 1000, HOUR, "30s",
             "A worker that is not heard of for this long has lost its job to another."),
    INT(jobs, "attempts", attempts, 1, 100, "3", "How often a job is begun before it fails."),
    DURATION(jobs, "retention", retention_ms, MINUTE, 3650 * DAY, "7d", "How long result files are kept."),
    DURATION(jobs, "upload_retention", upload_retention_ms, MINUTE, 3650 * DAY, "7d",
             "How long uploaded files are kept."),
    DURATION(jobs, "link_lifetime", link_lifetime_ms, 1000, 30 * DAY, "1h", "How long a download link is good."),
    DURATION(jobs, "idempotency_lifetime", idempotency_lifetime_ms, DAY, 365 * DAY, "24h",
             "How long the answer to an Idempotency-Key is kept."),
    INT(jobs, "priority_max", priority_max, 0, 100, "9", "The highest priority a request may ask for; 0 is the usual."),
    DURATION(jobs, "unknown_alert_after", unknown_alert_after_ms, MINUTE, 365 * DAY, "1h",
             "A job whose fate at a provider is unknown for this long is warned about."),

    BOOL(engine, "enabled", enabled, "true", "Make videos on this machine."),
    TEXT(CONFIG_PATHS, engine, "models", models, "", "Folders with models. Empty: those that conch models searches."),
    TEXT(CONFIG_TEXT, engine, "default_model", default_model, "conch/tiny",
         "The model for requests that name none, and for the pixels of the sandbox.", .check = is_model,
         .wanted = "a model's name as conch/tiny", .min = 1),
    INT(engine, "threads", threads, 0, 1024, "0", "Threads of the engine. 0: one for each core."),
    BYTES(engine, "memory", memory_bytes, 0, 1024 * TB, "0", "Memory of the engine. 0: what the machine has free."),
    DURATION(engine, "timeout", timeout_ms, 1000, 30 * DAY, "24h", "A job that computes longer than this has failed."),
    BOOL(engine, "preview", preview, "true", "Show pictures of a video while it is made."),

    BOOL(sandbox, "enabled", enabled, "true",
         "Answer to the names of hosted models with their rules and prices, and pixels made on this machine."),
    BOOL(sandbox, "charge", charge, "false",
         "Take the hosted model's list price from the account, to rehearse the way of the money too."),
    BOOL(sandbox, "references", references, "false",
         "Rehearse subject and reference pictures as well: they are checked, and the pixels do not show them."),
    ENUM(sandbox, "speed", speed, "instant real", "instant",
         "instant: as fast as this machine is; real: with the waiting times of the hosted model."),
    TEXT(CONFIG_TEXT, sandbox, "watermark", watermark, "SANDBOX", "Written into videos of the sandbox. Empty: nothing.",
         .max = 64),

    ENUM(optimizer, "mode", mode, "local chat off", "local",
         "Who rewrites prompts when a request asks for it: rules on this machine, a chat model, or nobody."),
    TEXT(CONFIG_TEXT, optimizer, "chat_url", chat_url, "",
         "Base URL of an OpenAI-compatible chat service, for mode chat: http://127.0.0.1:11434/v1", CHECK_URL),
    TEXT(CONFIG_TEXT, optimizer, "chat_key", chat_key, "", "Its API key.", .secret = true),
    TEXT(CONFIG_TEXT, optimizer, "chat_model", chat_model, "", "Its model.", .max = 200),
    DURATION(optimizer, "timeout", timeout_ms, 100, 10 * MINUTE, "20s",
             "How long it may take; after that the local rules are used."),

    ENUM(safety, "policy", policy, "off words http", "words",
         "How prompts are checked for keys that have no policy of their own: not at all, by a list of words, or by a "
         "classifier."),
    TEXT(CONFIG_PATH, safety, "words_file", words_file, "", "The list, for words. Empty: the one that is installed."),
    TEXT(CONFIG_TEXT, safety, "classifier_url", classifier_url, "", "The classifier, for http.", CHECK_URL),
    TEXT(CONFIG_TEXT, safety, "classifier_key", classifier_key, "", "Sent to it as a bearer token.", .secret = true),
    DURATION(safety, "classifier_timeout", classifier_timeout_ms, 100, 10 * MINUTE, "5s", "How long it may take."),
    BOOL(safety, "classifier_fail_open", classifier_fail_open, "false",
         "Let a prompt pass when the classifier does not answer."),

    TEXT(CONFIG_LIST, fetch, "allow", allow, "",
         "Addresses inside your network that pictures may be fetched from and callbacks sent to, as 10.1.0.0/16, or * "
         "for "
         "every address. Empty: the public Internet alone.",
         .check = is_network, .wanted = "* or networks as 10.1.0.0/16 or fd00::/8"),
    BOOL(fetch, "allow_http", allow_http, "true", "Fetch from http:// too, not from https:// alone."),
    BYTES(fetch, "bytes_max", bytes_max, KB, TB, "50M", "One fetched file."),
    DURATION(fetch, "timeout", timeout_ms, 100, HOUR, "30s", "One fetch from beginning to end."),
    DURATION(fetch, "connect_timeout", connect_timeout_ms, 100, 10 * MINUTE, "5s", "Reaching the other server."),
    INT(fetch, "redirects_max", redirects_max, 0, 10, "3", "Redirections that are followed; each is checked anew."),

    INT(webhooks, "attempts", attempts, 1, 100, "10", "Tries to deliver a webhook before it is laid aside."),
    DURATION(webhooks, "span", span_ms, 1000, 30 * DAY, "2h", "The time these tries are spread over."),
    DURATION(webhooks, "timeout", timeout_ms, 100, 10 * MINUTE, "10s", "How long a receiver may take to answer."),
    DURATION(webhooks, "challenge_timeout", challenge_timeout_ms, 100, MINUTE, "3s",
             "How long it may take to answer the challenge of a new callback_url."),
    TEXT(CONFIG_TEXT, webhooks, "signing_secret", signing_secret, "",
         "Webhooks are signed with it. Empty: each account has its own, shown by GET /conch/v1/webhook-secret.",
         .check = is_signing_secret, .wanted = "at least 24 characters", .secret = true, .max = 256),

    INT(credits, "starting_microusd", starting_microusd, 0, INT64_C(1000000000000), "10000000",
        "What a new account starts with, in millionths of a dollar: 10000000 are 10 dollars."),
    BOOL(credits, "charge_local", charge_local, "false", "Charge for videos made on this machine by its own models."),
    INT(credits, "local_microusd_per_second", local_microusd_per_second, 0, INT64_C(1000000000000), "0",
        "What a second of such a video costs, in millionths of a dollar."),
    INT(credits, "local_microusd_per_video", local_microusd_per_video, 0, INT64_C(1000000000000), "0",
        "What such a video costs besides, however long it is. With both 0 the list price of the model that was asked "
        "for "
        "holds."),
    TEXT(CONFIG_LIST, credits, "order", order, "package, credits, payg",
         "Which money pays for a job: units of packages, credits, or pay-as-you-go dollars. The first that can pay all "
         "of it does; what is left out never pays.",
         .check = is_purse, .wanted = "package, credits, payg, or some of them"),
};

static const struct section_row {
    const char *name, *help;
} sections[] = {
    {"server", "The HTTP server, its folder and its log."},
    {"limits", "What one request, key or account may ask for."},
    {"jobs", "How jobs are run and how long things are kept."},
    {"engine", "Making videos on this machine."},
    {"sandbox", "Rehearsing with the hosted models' names, at no cost."},
    {"aliases",
     "Names of models that you give away yourself: a name as clients send it = the model that serves it, as\n"
     "# MiniMax-Hailuo-02 = conch/tiny\n"
     "# An alias goes before everything else, and is shown in the job."},
    {"optimizer", "Rewriting thin prompts."},
    {"safety", "Checking prompts before anything is made or charged."},
    {"fetch", "Fetching pictures from URLs in requests, and sending callbacks."},
    {"webhooks", "Telling others how jobs go."},
    {"credits", "Accounts."},
};

const struct config_key *config_keys(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(keys);
    return keys;
}

const char *config_section_help(const char *section)
{
    for (size_t i = 0; i < ARRAY_LEN(sections); i++)
        if (strcmp(sections[i].name, section) == 0)
            return sections[i].help;
    return NULL;
}

const char *config_section(size_t index)
{
    return index < ARRAY_LEN(sections) ? sections[index].name : NULL;
}
