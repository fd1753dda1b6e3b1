#include "net/http_links.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/http_server.h"

struct http_link {
    struct http_link *previous, *next;
    int socket;
    _Atomic int64_t deadline_ms;
};

struct http_links {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t sweeper;
    bool running, stop;
    int64_t step_ms;
    struct http_link *first;
    size_t count;
};

static void *sweep(void *context)
{
    struct http_links *links = context;
    pthread_mutex_lock(&links->lock);
    while (!links->stop) {
        int64_t now = clock_steady_ns();
        for (struct http_link *link = links->first; link; link = link->next) {
            int64_t deadline = atomic_load_explicit(&link->deadline_ms, memory_order_relaxed);
            if (deadline && now / 1000000 > deadline)
                shutdown(link->socket, SHUT_RDWR); /* its network thread sees the end and closes it */
        }
        int64_t until = now + links->step_ms * 1000000;
        struct timespec time = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
        pthread_cond_timedwait(&links->wake, &links->lock, &time);
    }
    pthread_mutex_unlock(&links->lock);
    return NULL;
}

int http_links_create(struct http_links **ret_links, int64_t step_ms, conch_error *err)
{
    struct http_links *links = calloc(1, sizeof *links);
    if (!links)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a server");
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&links->wake, &steady);
    pthread_condattr_destroy(&steady);
    pthread_mutex_init(&links->lock, NULL);
    links->step_ms = step_ms;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, HTTP_SERVER_STACK_BYTES);
    int failed = pthread_create(&links->sweeper, &attributes, sweep, links);
    pthread_attr_destroy(&attributes);
    links->running = !failed;
    if (failed) {
        http_links_destroy(links);
        return conch_error_errno(err, CONCH_ERR_INTERNAL, failed, "a thread could not be started");
    }
    *ret_links = links;
    return 0;
}

void http_links_destroy(struct http_links *links)
{
    if (!links)
        return;
    assert(!links->first);
    pthread_mutex_lock(&links->lock);
    links->stop = true;
    pthread_cond_signal(&links->wake);
    pthread_mutex_unlock(&links->lock);
    if (links->running)
        pthread_join(links->sweeper, NULL);
    pthread_cond_destroy(&links->wake);
    pthread_mutex_destroy(&links->lock);
    free(links);
}

struct http_link *http_links_add(struct http_links *links, int socket, int64_t deadline_ms)
{
    struct http_link *link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->socket = socket;
    atomic_init(&link->deadline_ms, deadline_ms);
    pthread_mutex_lock(&links->lock);
    link->next = links->first;
    if (links->first)
        links->first->previous = link;
    links->first = link;
    links->count++;
    pthread_mutex_unlock(&links->lock);
    return link;
}

void http_links_remove(struct http_links *links, struct http_link *link)
{
    pthread_mutex_lock(&links->lock);
    if (link->previous)
        link->previous->next = link->next;
    else
        links->first = link->next;
    if (link->next)
        link->next->previous = link->previous;
    links->count--;
    pthread_mutex_unlock(&links->lock);
    free(link);
}

void http_link_deadline(struct http_link *link, int64_t deadline_ms)
{
    atomic_store_explicit(&link->deadline_ms, deadline_ms, memory_order_relaxed);
}

size_t http_links_count(struct http_links *links)
{
    pthread_mutex_lock(&links->lock);
    size_t count = links->count;
    pthread_mutex_unlock(&links->lock);
    return count;
}
