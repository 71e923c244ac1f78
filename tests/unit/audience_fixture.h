#pragma once
/* A store with one provider, in one transaction that is not committed, and short words for its audience. */
#include "base/mem.h"
#include "store/sqlite/sqlite.h"

#include "store_fixture.h"

static int64_t provider;

static inline const struct backend_audience *ops(void)
{
    return b->ops->audience;
}

static inline int begin(void **state)
{
    if (open_store(state))
        return -1;
    struct provider p = {.name = "shop", .created_ms = 1};
    enum err e = b->ops->roles->provider_insert(b, &p);
    provider = p.id;
    return e ? -1 : 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, close_store)

/* Users as text: "7 name {…} | mail a@example.com yes | push t no dropped=fcm_unregistered why=…" */
static inline struct target_change to(enum medium medium, const char *value)
{
    return (struct target_change){.medium = medium, .value = span_of(value)};
}

static inline enum err put(const char *name, const char *attributes, const struct target_change *targets,
                           size_t count, int64_t at, int64_t *ret_id, bool *ret_new)
{
    int64_t id;
    bool new;
    const struct user_change u = {.name = span_of(name),
                                  .attributes = span_of(attributes),
                                  .targets = targets,
                                  .target_count = count,
                                  .why = "identify"};
    return ops()->user_put(b, provider, &u, at, ret_id ? ret_id : &id, ret_new ? ret_new : &new);
}

#define PUT(name, attributes, ...)                                                                           \
    assert_int_equal(put(name, attributes, (struct target_change[]){__VA_ARGS__},                            \
                         sizeof((struct target_change[]){__VA_ARGS__}) / sizeof(struct target_change), 1000, \
                         NULL, NULL),                                                                        \
                     ERR_NONE)

static inline int64_t count(const char *sql)
{
    int64_t n = -1;
    assert_int_equal(sqlite_ask(sqlite_of(b), sql, &n), ERR_NONE);
    return n;
}

static inline void commit(void)
{
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    assert_int_equal(b->ops->begin(b), ERR_NONE);
}

static inline void exec(const char *format, int64_t a, int64_t n)
{
    char sql[600];
    (void)snprintf(sql, sizeof(sql), format, (long long)a, (long long)n);
    assert_int_equal(sqlite_exec(sqlite_of(b), sql), ERR_NONE);
}

static inline void prune_all(void)
{
    uint32_t n = 100;
    for (int i = 0; n == 100 && i < 1000; i++)
        assert_int_equal(ops()->audience_prune(b, 100, &n), ERR_NONE);
    assert_true(n < 100);
    assert_int_equal(count("SELECT count(*) FROM audience_gone"), 0);
}
