#include "server/api/line.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/clock.h"

static const char *const backends[] = {"local", "sandbox"};

struct front {
    struct job *jobs; /* STORE_PLACE_MAX, in the order in which they are claimed */
    size_t count;
};

struct line {
    pthread_mutex_t lock;
    struct front fronts[ARRAY_LEN(backends)];
    int64_t read_ns; /* steady time; 0: never */
};

struct line *line_create(void)
{
    struct line *line = calloc(1, sizeof *line);
    if (line)
        pthread_mutex_init(&line->lock, NULL);
    return line;
}

void line_destroy(struct line *line)
{
    if (!line)
        return;
    for (size_t i = 0; i < ARRAY_LEN(backends); i++)
        free(line->fronts[i].jobs);
    pthread_mutex_destroy(&line->lock);
    free(line);
}

static int front_read(struct front *front, struct store_tx *tx, const char *backend, conch_error *err)
{
    size_t count = STORE_PLACE_MAX;
    if (!front->jobs && !(front->jobs = malloc(STORE_PLACE_MAX * sizeof *front->jobs)))
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the queue's places");
    const int rc = store_job_front(tx, backend, front->jobs, &count, err);
    front->count = rc == 0 ? count : 0;
    return rc;
}

/* How many of it are before the job. */
static size_t front_place(const struct front *front, const struct job *job)
{
    size_t from = 0, to = front->count;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (job_before(&front->jobs[middle], job))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static int line_read(struct line *line, struct store_tx *tx, conch_error *err)
{
    const int64_t now_ns = clock_steady_ns();
    int rc = 0;
    if (line->read_ns && now_ns - line->read_ns < LINE_KEPT_MS * INT64_C(1000000))
        return 0;
    line->read_ns = 0;
    for (size_t i = 0; i < ARRAY_LEN(backends) && rc == 0; i++)
        rc = front_read(&line->fronts[i], tx, backends[i], err);
    if (rc == 0)
        line->read_ns = now_ns;
    return rc;
}

/* As the queue stood a moment ago. */
static int place_far(struct line *line, struct store_tx *tx, const struct job *job, int64_t *ret_place,
                     conch_error *err)
{
    size_t place = 0;
    pthread_mutex_lock(&line->lock);
    const int rc = line_read(line, tx, err);
    for (size_t i = 0; i < ARRAY_LEN(backends); i++)
        place += front_place(&line->fronts[i], job);
    pthread_mutex_unlock(&line->lock);
    if (rc == 0)
        *ret_place = (int64_t)(place < STORE_PLACE_MAX ? place : STORE_PLACE_MAX);
    return rc;
}

int line_engine_place(struct line *line, struct store_tx *tx, const struct job *job, int64_t *ret_place,
                      conch_error *err)
{
    int64_t place = 0, ahead;
    for (size_t i = 0; i < ARRAY_LEN(backends) && place < LINE_NEAR; i++) {
        const int rc = store_job_place(tx, job, backends[i], LINE_NEAR, &ahead, err);
        if (rc < 0)
            return rc;
        place += ahead;
    }
    if (place >= LINE_NEAR)
        return place_far(line, tx, job, ret_place, err);
    *ret_place = place;
    return 0;
}
