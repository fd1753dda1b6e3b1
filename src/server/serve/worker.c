/* A worker as a process: opens its parts, works until a signal. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "media/media.h"
#include "server/api/api.h"
#include "server/backend/backend.h"
#include "server/dialect/dialect.h"
#include "server/queue/relay.h"
#include "server/queue/worker.h"
#include "server/serve/parts.h"
#include "server/serve/serve.h"

enum { WORKER_READERS = 2 };

static atomic_bool stop_asked;

static void on_signal(int number)
{
    atomic_store(&stop_asked, true);
}

static int signals_catch(bool child, conch_error *err)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t none;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    if (!child)
        return 0;
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        return conch_error_errno(err, CONCH_ERR_INTERNAL, errno, "prctl");
    if (getppid() == 1) /* it died before we asked */
        atomic_store(&stop_asked, true);
    return 0;
}

const char *serve_worker_name(enum serve_worker kind)
{
    static const char *const names[SERVE_WORKERS] = {[SERVE_WORKER_ENGINE] = "engine", [SERVE_WORKER_RELAY] = "relay"};
    return names[kind];
}

/* ---- engine ---- */

struct model_source {
    const struct serve_worker_settings *settings;
    const struct config *config;
};

static int models_find(void *context, backend_folder_add *add, void *to, conch_error *err)
{
    const struct model_source *source = context;
    const struct config_list *named = &source->config->engine.models;
    if (named->count == 0)
        return source->settings->find_models(NULL, add, to, err);
    int rc = 0;
    for (size_t i = 0; i < named->count && rc == 0; i++)
        rc = source->settings->find_models(named->items[i], add, to, err);
    return rc;
}

/* What will make every job fail is said at the start, not with the first job. */
static void helper_look(void)
{
    struct media_helper_info helper;
    conch_error problem = {0};
    if (media_helper_probe(&helper, &problem) < 0)
        log_warn("clips cannot be written", log_error_text(&problem));
}

static int engine_run(const struct serve_worker_settings *settings, struct parts *parts, conch_error *err)
{
    struct model_source source = {.settings = settings, .config = &parts->config};
    struct backend *backends[2] = {NULL, NULL};
    const struct config *config = &parts->config;
    const struct backend_local_settings local = {.find = models_find,
                                                 .find_context = &source,
                                                 .threads = (size_t)config->engine.threads,
                                                 .memory_bytes = (uint64_t)config->engine.memory_bytes,
                                                 .cache_dir = settings->cache_dir};
    helper_look();
    int rc = backend_local_open(&backends[0], &local, err);
    if (rc == 0) {
        struct backend_sandbox_settings sandbox = {.local = backends[0],
                                                   .watermark = config->sandbox.watermark,
                                                   .real_time = config->sandbox.speed == CONFIG_SPEED_REAL};
        rc = backend_sandbox_open(&backends[1], &sandbox, err);
    }
    if (rc == 0) {
        struct worker_settings worker = {.config = config,
                                         .store = parts->store,
                                         .blobs = parts->blobs,
                                         .backends = backends,
                                         .backend_count = config->sandbox.enabled ? 2 : 1,
                                         .preview_folder = config->engine.preview ? parts->preview_folder : NULL,
                                         .stop = &stop_asked};
        rc = worker_run(&worker, err);
    }
    backend_close(backends[1]);
    backend_close(backends[0]);
    return rc;
}

/* ---- relay ---- */

struct relay {
    struct api *api;
    const struct config *config;
    char origin[256]; /* where a job does not say how its caller came in */
};

static void origin_set(struct relay *relay)
{
    const struct config *config = relay->config;
    if (*config->server.public_url)
        snprintf(relay->origin, sizeof relay->origin, "%s", config->server.public_url);
    else
        snprintf(relay->origin, sizeof relay->origin, "%s://%s", *config->server.tls_certificate ? "https" : "http",
                 config->server.listen);
}

static const char *origin_of(const struct relay *relay, const struct api_job *job)
{
    const char *origin = json_string_value(json_object_get(api_job_details(job), "origin"));
    return origin && !*relay->config->server.public_url ? origin : relay->origin;
}

/* The words of a callback, in the wire format that the job came in by. */
static int relay_body(void *context, const struct store_message *message, const struct store_job *row,
                      struct buf *ret_body, const char **ret_type, conch_error *err)
{
    struct relay *relay = context;
    struct api_job job;
    const struct dialect *dialect = dialect_of_callback(message->style);
    if (!dialect || !dialect->callback_body)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "callbacks of the style %s are not known here",
                               message->style);
    int rc = api_job_show(relay->api, row->job.id, &job, err);
    if (rc < 0)
        return rc;
    rc = dialect->callback_body(relay->api, &job, message->kind, origin_of(relay, &job), clock_wall_ms(), ret_body,
                                err);
    api_job_finish(&job);
    return rc;
}

/* What proves where it comes from, in the way of that wire format. */
static int relay_proof(void *context, const struct relay_outgoing *outgoing, struct relay_header *ret,
                       size_t *ret_count, conch_error *err)
{
    struct relay *relay = context;
    struct api_job job;
    struct dialect_header headers[DIALECT_MESSAGE_HEADERS_MAX];
    const struct dialect *dialect = dialect_of_callback(outgoing->message->style);
    _Static_assert((int)DIALECT_MESSAGE_HEADERS_MAX <= (int)RELAY_HEADERS_MAX, "room for a dialect's headers");
    if (!dialect || !dialect->callback_sign)
        return CONCH_ERR_UNSUPPORTED;
    int rc = api_job_show(relay->api, outgoing->job->job.id, &job, err);
    if (rc < 0)
        return rc;
    const struct dialect_message message = {.job = &job,
                                            .id = outgoing->id,
                                            .at_s = outgoing->at_s,
                                            .body = outgoing->body,
                                            .body_size = outgoing->body_size};
    rc = dialect->callback_sign(relay->api, &message, headers, ret_count, err);
    for (size_t i = 0; rc == 0 && i < *ret_count; i++) {
        memcpy(ret[i].name, headers[i].name, sizeof ret[i].name);
        memcpy(ret[i].value, headers[i].value, sizeof ret[i].value);
    }
    api_job_finish(&job);
    return rc;
}

static int relay_run_with(struct parts *parts, conch_error *err)
{
    struct relay relay = {.config = &parts->config};
    char *key = NULL;
    struct api_settings api = {.config = &parts->config,
                               .catalog = &parts->catalog,
                               .offers = &parts->offers,
                               .store = parts->store,
                               .blobs = parts->blobs,
                               .version = CONCH_VERSION,
                               .catalog_folder = parts->catalog_folder,
                               .guest = true};
    int rc = api_create(&relay.api, &api, &key, err);
    if (rc < 0)
        return rc;
    origin_set(&relay);
    struct relay_settings settings = {.config = &parts->config,
                                      .store = parts->store,
                                      .blobs = parts->blobs,
                                      .render = relay_body,
                                      .sign = relay_proof,
                                      .render_context = &relay,
                                      .preview_folder = parts->preview_folder,
                                      .stop = &stop_asked};
    rc = relay_run(&settings, err);
    api_destroy(relay.api);
    return rc;
}

int serve_worker_run(const struct serve_worker_settings *settings, conch_error *err)
{
    struct parts parts = {.store = NULL};
    umask(077); /* what is stored is its user's */
    int rc = signals_catch(settings->child, err);
    if (rc == 0)
        rc = parts_configure(&parts, &settings->source, err);
    if (rc == 0)
        rc = parts_folders(&parts, err);
    if (rc == 0)
        rc = parts_catalog(&parts, err);
    if (rc == 0)
        rc = parts_store(&parts, &(struct parts_store){.readers = WORKER_READERS}, err);
    if (rc == 0)
        rc = settings->kind == SERVE_WORKER_ENGINE ? engine_run(settings, &parts, err) : relay_run_with(&parts, err);
    if (rc < 0)
        log_error("a worker ends", log_text("kind", serve_worker_name(settings->kind)), log_error_text(err));
    parts_close(&parts);
    return rc;
}
