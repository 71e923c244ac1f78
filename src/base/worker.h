#pragma once
/*
 * A thread with a queue. Any thread may queue jobs; the worker runs them one at a time, in order. A job is
 * only a list link to the worker: its owner defines the job, and how its result is returned.
 */
#include <pthread.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

struct worker {
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list queue;
    uint32_t queued, queue_max;
    bool waiting, stop;
};

/*
 * Starts the thread, which runs work; work takes jobs until it is told to stop and none is left. queue_max:
 * limit on waiting jobs; 0: no limit, the callers themselves queue few. name: at most 15 characters. After
 * ERR_IO, worker_stop() and worker_deinit() may still be called.
 */
enum err worker_start(struct worker *w, const char *name, uint32_t queue_max, void *(*work)(void *arg),
                      void *arg) MUST_CHECK;

/* Queues a job. ERR_CLOSED: the worker was told to stop; ERR_LIMIT: the queue is full. */
enum err worker_put(struct worker *w, struct list *job) MUST_CHECK;

/*
 * On the worker's thread: waits for jobs and takes up to max. Returns 0 after wait_ms (negative: no timeout),
 * or if the worker was told to stop and no job is left. *ret_stop: it was told to stop.
 */
uint32_t worker_take(struct worker *w, struct list *jobs, uint32_t max, int wait_ms, bool *ret_stop);
/* Takes all waiting jobs without blocking; from any thread. */
void worker_take_all(struct worker *w, struct list *jobs);

/* Refuses new jobs, lets the thread take those that wait, and joins it. */
void worker_stop(struct worker *w);
void worker_deinit(struct worker *w); /* after worker_stop(); safe on a zeroed struct */
