/* The thread with a queue: order, caps, waiting, and an end that loses nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>

#include "base/worker.h"

#define JOBS 2000u

struct job {
    struct list link;
    unsigned number;
};

struct fixture {
    struct worker worker;
    uint32_t max;
    int wait_ms;
    atomic_uint done, idle, first_wrong;
    atomic_bool hold;
};

static void *work(void *arg)
{
    struct fixture *f = arg;
    struct list jobs;
    bool stop = false;
    list_init(&jobs);
    for (;;) {
        uint32_t n = worker_take(&f->worker, &jobs, f->max, f->wait_ms, &stop);
        if (n == 0 && stop)
            return NULL;
        if (n == 0)
            (void)atomic_fetch_add(&f->idle, 1);
        while (atomic_load(&f->hold))
            ;
        for (struct list *i; (i = list_pop_front(&jobs));)
            if (list_entry(i, struct job, link)->number != atomic_fetch_add(&f->done, 1) % JOBS)
                atomic_store(&f->first_wrong, 1);
    }
}

static void start(struct fixture *f, uint32_t queue_max)
{
    assert_int_equal(worker_start(&f->worker, "worker", queue_max, work, f), ERR_NONE);
}

static void in_order_and_to_the_last(void **state)
{
    (void)state;
    static struct job jobs[JOBS];
    const uint32_t maxima[] = {1, 7, 4096};
    for (size_t k = 0; k < 3; k++) {
        struct fixture f = {.max = maxima[k], .wait_ms = k == 1 ? 1 : -1};
        start(&f, 0);
        for (unsigned i = 0; i < JOBS; i++) {
            jobs[i] = (struct job){.number = i};
            assert_int_equal(worker_put(&f.worker, &jobs[i].link), ERR_NONE);
        }
        worker_stop(&f.worker); /* what is left is done first */
        assert_int_equal(atomic_load(&f.done), JOBS);
        assert_int_equal(atomic_load(&f.first_wrong), 0);
        struct job late = {.number = 0};
        assert_int_equal(worker_put(&f.worker, &late.link), ERR_CLOSED);
        worker_deinit(&f.worker);
    }
}

static void a_full_queue_takes_nothing(void **state)
{
    (void)state;
    struct job jobs[5] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    struct fixture f = {.max = 1, .wait_ms = 0, .hold = true};
    start(&f, 3);
    while (!atomic_load(&f.idle)) /* it holds, with no job taken */
        ;
    for (int i = 0; i < 3; i++)
        assert_int_equal(worker_put(&f.worker, &jobs[i].link), ERR_NONE);
    assert_int_equal(worker_put(&f.worker, &jobs[3].link), ERR_LIMIT);
    struct list all;
    list_init(&all);
    worker_take_all(&f.worker, &all);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(list_entry(list_pop_front(&all), struct job, link)->number, i);
    assert_true(list_empty(&all));
    assert_int_equal(worker_put(&f.worker, &jobs[0].link), ERR_NONE); /* there is room again */
    atomic_store(&f.hold, false);
    worker_stop(&f.worker);
    worker_deinit(&f.worker);
    assert_int_equal(atomic_load(&f.done), 1);
}

static void one_that_waits_looks_up(void **state)
{
    (void)state;
    struct fixture f = {.max = 1, .wait_ms = 1};
    start(&f, 0);
    while (atomic_load(&f.idle) < 3)
        ;
    worker_stop(&f.worker);
    worker_deinit(&f.worker);
    struct worker none = {0};
    worker_stop(&none);
    worker_deinit(&none);
}

/* A job wakes the thread that waits for ever, without an end of the worker to wake it. */
static void one_that_sleeps_is_woken(void **state)
{
    (void)state;
    struct fixture f = {.max = 1, .wait_ms = -1};
    start(&f, 0);
    for (unsigned i = 0; i < 100; i++) {
        struct job job = {.number = i};
        for (bool asleep = false; !asleep;) { /* else the thread would find the job by itself */
            assert_int_equal(pthread_mutex_lock(&f.worker.lock), 0);
            asleep = f.worker.waiting;
            assert_int_equal(pthread_mutex_unlock(&f.worker.lock), 0);
        }
        assert_int_equal(worker_put(&f.worker, &job.link), ERR_NONE);
        while (atomic_load(&f.done) == i)
            ;
    }
    worker_stop(&f.worker);
    worker_deinit(&f.worker);
    assert_int_equal(atomic_load(&f.first_wrong), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_and_to_the_last),
        cmocka_unit_test(a_full_queue_takes_nothing),
        cmocka_unit_test(one_that_waits_looks_up),
        cmocka_unit_test(one_that_sleeps_is_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
