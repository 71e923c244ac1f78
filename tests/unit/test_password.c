/* Passwords: what will do as one, and the thread that hashes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>

#include "access/password.h"

/* As little work as libsodium allows: what is tested is not how long it takes. */
static const struct password_cost little = {crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN};

static void rules(void **state)
{
    (void)state;
    char long_one[PASSWORD_BYTES_MAX + 5];
    assert_null(password_refuse(SPAN_LIT("aaaaaaaaaa"), "a@example.com")); /* no rules of composition */
    assert_null(password_refuse(SPAN_LIT("あいうえおかきくけこ"), NULL));
    assert_non_null(password_refuse(SPAN_LIT("あいうえおかきくけ"), NULL)); /* 9 characters, 27 bytes */
    assert_non_null(password_refuse(SPAN_LIT(""), NULL));
    assert_non_null(password_refuse(SPAN_LIT("aaaaaaaaa\xff"), NULL));
    assert_non_null(password_refuse((struct span){"aaaaaaaaa\0a", 11}, NULL));
    assert_non_null(password_refuse(SPAN_LIT("Someone@Example.com"), "someone@example.com"));
    assert_null(password_refuse(SPAN_LIT("someone@example.com1"), "someone@example.com"));
    for (size_t i = 0; i < sizeof(long_one) - 4; i += 4)
        memcpy(long_one + i, "\xf0\x9f\x98\x80", 4); /* four bytes a character */
    assert_null(password_refuse((struct span){long_one, PASSWORD_BYTES_MAX}, NULL));
    assert_non_null(password_refuse((struct span){long_one, PASSWORD_BYTES_MAX + 4}, NULL));
}

struct fixture {
    uv_loop_t loop;
    struct mailbox mailbox;
    struct password_worker *worker;
    unsigned done;
};

static struct fixture *fixture;

static void on_done(struct password_job *j)
{
    (void)j;
    fixture->done++;
}

static void start(struct fixture *f, uint32_t queue_max)
{
    memset(f, 0, sizeof(*f));
    fixture = f;
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(mailbox_init(&f->mailbox, &f->loop, NULL, NULL), ERR_NONE);
    assert_int_equal(password_new(&f->worker, &little, queue_max), ERR_NONE);
}

static void wait_for(struct fixture *f, unsigned count)
{
    while (f->done < count)
        (void)uv_run(&f->loop, UV_RUN_ONCE);
}

static void end(struct fixture *f)
{
    password_free(f->worker);
    mailbox_close(&f->mailbox);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

static struct password_job job(struct fixture *f, const char *password, const char *hash)
{
    struct password_job j = {.home = &f->mailbox, .done = on_done, .len = strlen(password), .make = !hash};
    memcpy(j.password, password, j.len);
    if (hash)
        memcpy(j.hash, hash, strlen(hash) + 1);
    return j;
}

static void hashes_and_compares(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 10);
    struct password_job make = job(&f, "correct horse", NULL), again = job(&f, "correct horse", NULL);
    assert_true(password_submit(f.worker, &make));
    assert_true(password_submit(f.worker, &again));
    wait_for(&f, 2);
    assert_int_equal(make.err, ERR_NONE);
    assert_memory_equal(make.hash, "$argon2id$v=19$", 15);
    assert_string_not_equal(make.hash, again.hash); /* each its own salt */
    assert_int_equal(make.password[0], 0);          /* forgotten */
    struct password_job right = job(&f, "correct horse", make.hash),
                        wrong = job(&f, "correct horsf", make.hash);
    struct password_job nobody = job(&f, "correct horse", "");
    assert_true(password_submit(f.worker, &right));
    assert_true(password_submit(f.worker, &wrong));
    assert_true(password_submit(f.worker, &nobody));
    wait_for(&f, 5);
    assert_true(right.ok);
    assert_false(wrong.ok);
    assert_false(nobody.ok);
    assert_int_equal(nobody.err, ERR_NONE);
    assert_string_equal(nobody.hash, "");
    assert_int_equal(password_count(f.worker), 5); /* the unknown is worked on like the others */
    char hash[ACCOUNT_HASH_MAX];
    assert_int_equal(password_hash(&little, SPAN_LIT("correct horse"), hash), ERR_NONE);
    struct password_job command = job(&f, "correct horse", hash);
    assert_true(password_submit(f.worker, &command));
    wait_for(&f, 6);
    assert_true(command.ok);
    end(&f);
}

/* What waits at most, and what becomes of it when the node goes down. */
static void is_bounded_and_ends(void **state)
{
    (void)state;
    enum { COUNT = 50, MAX = 3 };
    struct fixture f;
    static struct password_job jobs[COUNT];
    start(&f, MAX);
    unsigned taken = 0, closed = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        jobs[taken] = job(&f, "correct horse", NULL);
        taken += password_submit(f.worker, &jobs[taken]);
    }
    assert_in_range(taken, MAX, COUNT);
    password_stop(f.worker);
    static struct password_job late;
    late = job(&f, "correct horse", NULL);
    assert_true(password_submit(f.worker, &late)); /* taken, and answered */
    wait_for(&f, taken + 1);
    for (unsigned i = 0; i < taken; i++) {
        closed += jobs[i].err == ERR_CLOSED;
        assert_true(jobs[i].err == ERR_CLOSED || jobs[i].hash[0]);
        assert_int_equal(jobs[i].password[0], 0);
    }
    assert_int_equal(closed + password_count(f.worker), taken);
    assert_int_equal(late.err, ERR_CLOSED);
    end(&f);
}

static void standard_is_strong(void **state)
{
    (void)state;
    assert_true(password_cost_standard.memory >= 64u << 20);
    assert_true(password_cost_standard.ops >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(hashes_and_compares),
        cmocka_unit_test(is_bounded_and_ends),
        cmocka_unit_test(standard_is_strong),
    };
    return cmocka_run_group_tests_name("password", tests, NULL, NULL);
}
