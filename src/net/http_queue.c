#include "net/http_queue.h"

#include <pthread.h>
#include <stdlib.h>

struct http_queue {
    struct http_queue_settings settings;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct http_work *first, **end;
    size_t waiting, busy, idle, started;
    bool closed;
    pthread_t threads[];
};

static void *worker(void *context)
{
    struct http_queue *queue = context;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        queue->idle++;
        while (!queue->first && !queue->closed)
            pthread_cond_wait(&queue->wake, &queue->lock);
        queue->idle--;
        struct http_work *work = queue->first;
        if (!work)
            break;
        queue->first = work->next;
        if (!queue->first)
            queue->end = &queue->first;
        queue->waiting--;
        queue->busy++;
        bool refused = queue->closed;
        pthread_mutex_unlock(&queue->lock);
        queue->settings.run(work, refused);
        pthread_mutex_lock(&queue->lock);
        queue->busy--;
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

int http_queue_create(struct http_queue **ret_queue, const struct http_queue_settings *settings, conch_error *err)
{
    struct http_queue *queue = calloc(1, sizeof *queue + settings->thread_count * sizeof queue->threads[0]);
    if (!queue)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for %zu threads", settings->thread_count);
    queue->settings = *settings;
    queue->end = &queue->first;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->wake, NULL);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, settings->stack_bytes);
    int failed = 0;
    while (queue->started < settings->thread_count && !failed) {
        failed = pthread_create(&queue->threads[queue->started], &attributes, worker, queue);
        queue->started += !failed;
    }
    pthread_attr_destroy(&attributes);
    if (failed) {
        conch_error_errno(err, CONCH_ERR_INTERNAL, failed, "thread %zu of %zu could not be started", queue->started + 1,
                          settings->thread_count);
        http_queue_destroy(queue);
        return CONCH_ERR_INTERNAL;
    }
    *ret_queue = queue;
    return 0;
}

bool http_queue_push(struct http_queue *queue, struct http_work *work, void (*before_push)(struct http_work *work))
{
    pthread_mutex_lock(&queue->lock);
    bool taken = !queue->closed && queue->waiting < queue->settings.waiting_max;
    if (taken) {
        before_push(work);
        work->next = NULL;
        *queue->end = work;
        queue->end = &work->next;
        queue->waiting++;
        if (queue->idle)
            pthread_cond_signal(&queue->wake);
    }
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

void http_queue_close(struct http_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->wake);
    pthread_mutex_unlock(&queue->lock);
    for (size_t i = 0; i < queue->started; i++)
        pthread_join(queue->threads[i], NULL);
    queue->started = 0;
}

void http_queue_destroy(struct http_queue *queue)
{
    if (!queue)
        return;
    http_queue_close(queue);
    pthread_cond_destroy(&queue->wake);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

void http_queue_state(struct http_queue *queue, size_t *ret_waiting, size_t *ret_busy)
{
    pthread_mutex_lock(&queue->lock);
    *ret_waiting = queue->waiting;
    *ret_busy = queue->busy;
    pthread_mutex_unlock(&queue->lock);
}
