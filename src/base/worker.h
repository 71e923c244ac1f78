#pragma once
/*
 * A thread with a queue: jobs go in from any thread, are done one after the other, in the order they came,
 * and find their own way back. What a job is, its owner knows: to a worker it is a link.
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

/* Starts the thread; work runs on it, and takes jobs until there are none. queue_max: jobs that wait, at
 * most; 0: those who hand them over see to it that they are few. name: 15 characters at most. After ERR_IO,
 * worker_stop() and worker_deinit() may be called all the same. */
enum err worker_start(struct worker *w, const char *name, uint32_t queue_max, void *(*work)(void *arg),
                      void *arg) MUST_CHECK;

/* ERR_CLOSED: it has been told to stop; ERR_LIMIT: the queue is full. Nothing was taken. */
enum err worker_put(struct worker *w, struct list *job) MUST_CHECK;

/* On its thread. Up to max jobs, once there are any; 0: it has been told to stop, and nothing is left, or
 * wait_ms (below 0: for ever) are over. *ret_stop: it has been told to. */
uint32_t worker_take(struct worker *w, struct list *jobs, uint32_t max, int wait_ms, bool *ret_stop);
/* Whatever waits, without waiting; by any thread. */
void worker_take_all(struct worker *w, struct list *jobs);

/* Ends the thread, which first takes what is left; waits. Nothing is taken in any more. */
void worker_stop(struct worker *w);
void worker_deinit(struct worker *w); /* stopped; of one that is zeroed nothing happens */
