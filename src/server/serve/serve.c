/* The API process: opens everything in order, starts the workers, waits for a signal, closes everything in reverse. */
#include "server/serve/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "server/api/api.h"
#include "server/http/http_app.h"
#include "server/queue/supervise.h"
#include "server/serve/first_clip.h"
#include "server/serve/parts.h"
#include "server/serve/source.h"

enum { TICK_MS = 200, READERS = 6 };

struct server {
    const struct serve_settings *settings;
    struct parts parts;
    int lock; /* descriptor of conch.lock; -1: not held */
    struct api *api;
    char *first_key;
    _Atomic(struct http_app *) app;
    struct supervise *workers;
    struct first_clip first_clip;
};

static void on_commit(void *context)
{
    struct server *server = context;
    http_app_wake(atomic_load(&server->app));
}

/* One server a data folder: two would not harm the books, but would each start an engine. */
static int lock_take(struct server *server, conch_error *err)
{
    char *path = NULL;
    int rc = source_path(&server->parts.config, "conch.lock", &path, err);
    if (rc < 0)
        return rc;
    server->lock = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (server->lock < 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "%s", path);
    else if (flock(server->lock, LOCK_EX | LOCK_NB) < 0)
        rc = conch_error_set(err, CONCH_ERR_IO,
                             "another conch serves the data folder %s; stop it, or give this one its own with --data",
                             server->parts.config.server.data);
    free(path);
    return rc;
}

/* Before the key is committed: a crash in between leaves a file with a key that the next start replaces. */
static int key_write(void *context, const char *key, conch_error *err)
{
    struct server *server = context;
    char *path = NULL;
    int rc = source_path(&server->parts.config, "admin.key", &path, err);
    if (rc == 0)
        rc = file_write_atomic(path, key, strlen(key), err);
    if (rc == 0 && chmod(path, 0600) < 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "%s", path);
    free(path);
    return rc;
}

static int api_open(struct server *server, conch_error *err)
{
    struct api_settings settings = {.config = &server->parts.config,
                                    .catalog = &server->parts.catalog,
                                    .offers = &server->parts.offers,
                                    .store = server->parts.store,
                                    .blobs = server->parts.blobs,
                                    .version = CONCH_VERSION,
                                    .catalog_folder = server->parts.catalog_folder,
                                    .first_key_keep = key_write,
                                    .first_key_context = server};
    return api_create(&server->api, &settings, &server->first_key, err);
}

static int app_open(struct server *server, conch_error *err)
{
    struct http_app *app = NULL;
    struct http_app_settings settings = {
        .api = server->api, .store = server->parts.store, .config = &server->parts.config};
    conch_error problem;
    if (http_spool_clean(server->parts.spool_folder, &problem) < 0)
        log_warn("the spool folder could not be emptied", log_error_text(&problem));
    int rc = http_app_create(&app, &settings, err);
    if (rc < 0)
        return rc;
    atomic_store(&server->app, app);
    return http_app_listen(app, server->parts.spool_folder, err);
}

static int workers_start(struct server *server, conch_error *err)
{
    int rc = supervise_create(&server->workers, err);
    for (int kind = 0; kind < SERVE_WORKERS && rc == 0; kind++) {
        const char **arguments = NULL;
        if (kind == SERVE_WORKER_ENGINE && !server->parts.config.engine.enabled)
            continue;
        rc = source_worker_arguments(&server->settings->source, serve_worker_name((enum serve_worker)kind),
                                     server->parts.config.server.data, &arguments, err);
        if (rc == 0)
            rc = supervise_start(server->workers, serve_worker_name((enum serve_worker)kind), arguments, err);
        free(arguments);
    }
    return rc;
}

/* The key that was just made, or the operator's, or the one of an earlier start; NULL: none is known. room is for it.
 */
static const char *key_at_hand(const struct server *server, struct buf *room)
{
    char *path = NULL;
    if (server->first_key)
        return server->first_key;
    if (*server->parts.config.admin_key)
        return server->parts.config.admin_key;
    bool there = source_path(&server->parts.config, "admin.key", &path, NULL) == 0 &&
                 file_read(room, path, NULL) == 0 && room->size;
    free(path);
    if (!there)
        return NULL;
    room->data[strcspn(room->data, "\r\n")] = 0;
    return room->data;
}

/* For whoever sits at the terminal; a log is no place for it. */
static void announce_sign_in(const struct server *server)
{
    struct buf room, url;
    buf_init(&room, 1024);
    buf_init(&url, 2048);
    const char *key = isatty(STDOUT_FILENO) ? key_at_hand(server, &room) : NULL;
    if (key && http_app_sign_in(atomic_load(&server->app), key, &url, NULL) == 0)
        printf("  sign in    %s\n             (once, within ten minutes; conch studio prints another)\n", url.data);
    buf_finish(&room);
    buf_finish(&url);
}

static void announce(const struct server *server)
{
    const char *address = http_app_address(atomic_load(&server->app));
    log_info("serving", log_text("address", address), log_text("data", server->parts.config.server.data));
    printf("Conch serves the studio and the API at %s\n", http_app_origin(atomic_load(&server->app)));
    if (server->first_key)
        printf("  your key   %s\n             (shown this once; the command line reads it from %s/admin.key)\n",
               server->first_key, server->parts.config.server.data);
    announce_sign_in(server);
    printf("  data       %s\n  stop       Ctrl-C\n", server->parts.config.server.data);
    fflush(stdout);
}

static int start(struct server *server, conch_error *err)
{
    int rc = parts_configure(&server->parts, &server->settings->source, err);
    if (rc == 0)
        rc = parts_folders(&server->parts, err);
    if (rc == 0)
        rc = lock_take(server, err);
    if (rc == 0)
        rc = parts_catalog(&server->parts, err);
    if (rc == 0)
        rc = parts_store(&server->parts,
                         &(struct parts_store){.committed = on_commit, .context = server, .readers = READERS}, err);
    if (rc == 0)
        rc = api_open(server, err);
    if (rc == 0)
        rc = app_open(server, err);
    if (rc == 0)
        rc = workers_start(server, err);
    return rc;
}

static void stop(struct server *server)
{
    supervise_destroy(server->workers, (int)server->parts.config.server.stop_timeout_ms);
    struct http_app *app = atomic_exchange(&server->app, NULL);
    http_app_close(app, server->parts.config.server.stop_timeout_ms);
    api_destroy(server->api);
    if (server->first_key) {
        hash_wipe(server->first_key, strlen(server->first_key));
        free(server->first_key);
    }
    parts_close(&server->parts);
    if (server->lock >= 0)
        close(server->lock);
}

/* Signals are taken here, one at a time, and by no other thread. */
static void signals_block(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGINT);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, ret_set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

static void wait_for_signal(struct server *server, const sigset_t *set)
{
    const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    for (;;) {
        int number = sigtimedwait(set, NULL, &tick);
        if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
            log_info("stopping", log_text("signal", strsignal(number)));
            return;
        }
        supervise_look(server->workers);
        first_clip_look(&server->first_clip);
    }
}

static void first_clip_submit(struct server *server)
{
    struct buf room;
    buf_init(&room, 1024);
    first_clip_begin(&server->first_clip,
                     &(struct first_clip_settings){.api = server->api,
                                                   .prompt = server->settings->first_clip,
                                                   .origin = http_app_origin(atomic_load(&server->app)),
                                                   .key = key_at_hand(server, &room)});
    buf_finish(&room);
}

int serve_run(const struct serve_settings *settings, conch_error *err)
{
    struct server server = {.settings = settings, .lock = -1};
    sigset_t set;
    umask(077); /* what is stored is its user's */
    signals_block(&set);
    int rc = start(&server, err);
    if (rc == 0) {
        announce(&server);
        if (settings->first_clip)
            first_clip_submit(&server);
        wait_for_signal(&server, &set);
    }
    stop(&server);
    return rc;
}
