/* The channels in memory: what waits is counted right, whoever deletes a channel while others count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "store/directory.h"

#define CHANNELS 1000
#define COUNTERS 3

struct world {
    struct directory *d;
    _Atomic int64_t newest; /* the channel everybody is busy with; -1: the end */
};

static void *count(void *arg)
{
    struct world *w = arg;
    for (int64_t id; (id = atomic_load(&w->newest)) >= 0;) {
        struct channel_ref *ref = directory_get(w->d, id);
        if (!ref)
            continue;
        for (int i = 0; i < 20; i++) {
            (void)directory_backlog_add(w->d, ref->live, 3);
            (void)directory_backlog_add(w->d, ref->live, -3);
        }
        (void)directory_backlog_add(w->d, ref->live, 5); /* these wait until the channel goes */
        channel_ref_drop(ref);
    }
    return NULL;
}

static void a_deletion_loses_no_count(void **state)
{
    (void)state;
    struct world w = {.newest = 1};
    assert_int_equal(directory_new(&w.d, 10), ERR_NONE);
    pthread_t threads[COUNTERS];
    for (int i = 0; i < COUNTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, &w), 0);
    for (int64_t id = 1; id <= CHANNELS; id++) {
        struct channel_ref *ref;
        assert_int_equal(directory_prepare(w.d, &(struct channel){.id = id}, &ref), ERR_NONE);
        directory_put(w.d, ref);
        ref = directory_get(w.d, id);
        assert_non_null(ref);
        atomic_store(&w.newest, id);
        while (directory_backlog_of(ref->live) < 10)
            ;
        directory_remove(w.d, id);
        assert_int_equal(directory_backlog_of(ref->live), 0);
        assert_int_equal(directory_backlog_add(w.d, ref->live, 7), 0);
        channel_ref_drop(ref);
    }
    atomic_store(&w.newest, -1);
    for (int i = 0; i < COUNTERS; i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(directory_count(w.d), 0);
    assert_int_equal(directory_backlog(w.d), 0);
    directory_free(w.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deletion_loses_no_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
