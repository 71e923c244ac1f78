#include "base/worker.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

enum err worker_start(struct worker *w, const char *name, uint32_t queue_max, void *(*work)(void *arg),
                      void *arg)
{
    w->queue_max = queue_max;
    list_init(&w->queue);
    (void)pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t steady; /* monotonic: setting the wall clock must not affect waits */
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->wake, &steady);
    (void)pthread_condattr_destroy(&steady);
    sigset_t all, before;
    (void)sigfillset(&all); /* only the first loop handles signals */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    w->started = pthread_create(&w->thread, NULL, work, arg) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!w->started)
        return ERR_IO;
    (void)pthread_setname_np(w->thread, name);
    return ERR_NONE;
}

enum err worker_put(struct worker *w, struct list *job)
{
    enum err e = ERR_NONE;
    bool wake = false;
    (void)pthread_mutex_lock(&w->lock);
    if (w->stop) {
        e = ERR_CLOSED;
    } else if (w->queue_max && w->queued >= w->queue_max) {
        e = ERR_LIMIT;
    } else {
        list_push_back(&w->queue, job);
        w->queued++;
        wake = w->waiting;
        w->waiting = false; /* one wake-up is enough */
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (wake)
        (void)pthread_cond_signal(&w->wake);
    return e;
}

/* Waits with the lock held. False: timed out. */
static bool wait_until(struct worker *w, const struct timespec *until)
{
    w->waiting = true;
    int rc =
        until ? pthread_cond_timedwait(&w->wake, &w->lock, until) : pthread_cond_wait(&w->wake, &w->lock);
    w->waiting = false;
    return rc != ETIMEDOUT;
}

static uint32_t take(struct worker *w, struct list *jobs, uint32_t max)
{
    uint32_t n = 0;
    for (; n < max && w->queued; n++, w->queued--)
        list_push_back(jobs, list_pop_front(&w->queue));
    return n;
}

uint32_t worker_take(struct worker *w, struct list *jobs, uint32_t max, int wait_ms, bool *ret_stop)
{
    struct timespec until;
    (void)pthread_mutex_lock(&w->lock);
    if (!w->queued && !w->stop && wait_ms >= 0) {
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += wait_ms / 1000;
        until.tv_nsec += wait_ms % 1000 * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
    }
    while (!w->queued && !w->stop && wait_until(w, wait_ms < 0 ? NULL : &until))
        ;
    uint32_t n = take(w, jobs, max);
    *ret_stop = w->stop;
    (void)pthread_mutex_unlock(&w->lock);
    return n;
}

void worker_take_all(struct worker *w, struct list *jobs)
{
    (void)pthread_mutex_lock(&w->lock);
    (void)take(w, jobs, UINT32_MAX);
    (void)pthread_mutex_unlock(&w->lock);
}

void worker_stop(struct worker *w)
{
    if (!w->started)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->stop = true;
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_join(w->thread, NULL);
    w->started = false;
}

void worker_deinit(struct worker *w)
{
    if (!w->queue.next)
        return;
    (void)pthread_mutex_destroy(&w->lock);
    (void)pthread_cond_destroy(&w->wake);
}
