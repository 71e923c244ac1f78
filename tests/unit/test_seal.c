/* Secrets on the disk: sealed, for their channel only, under the right key only; and access tokens. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>
#include <sqlite3.h>

#include "access/seal.h"
#include "access/token.h"
#include "base/mem.h"
#include "dir_fixture.h"
#include "store/store.h"

static char key_path[96];

static int make_key_dir(void **state)
{
    if (make_dir(state))
        return -1;
    (void)snprintf(key_path, sizeof(key_path), "%s/secret.key", dir);
    return 0;
}

static const char *needle;
static unsigned found;

static int search_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    FILE *in = type == FTW_F ? fopen(path, "rb") : NULL;
    if (!in)
        return 0;
    char *all = mem_alloc((size_t)st->st_size + 1);
    assert_non_null(all);
    size_t len = fread(all, 1, (size_t)st->st_size, in);
    (void)fclose(in);
    found += memmem(all, len, needle, strlen(needle)) != NULL;
    mem_free(all);
    return 0;
}

/* In how many files of the data directory the bytes stand. */
static unsigned files_with(const char *bytes)
{
    needle = bytes;
    found = 0;
    assert_int_equal(nftw(dir, search_one, 8, FTW_PHYS), 0);
    return found;
}

static struct backend *open_sealed(struct seal *s)
{
    struct backend *b;
    assert_int_equal(seal_init(s, key_path), ERR_NONE);
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    assert_int_equal(sqlite_seal(b, &s->ops), ERR_NONE);
    return b;
}

static enum err try_open(void)
{
    struct seal s;
    struct backend *b;
    enum err e = seal_init(&s, key_path);
    if (e)
        return e;
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    e = sqlite_seal(b, &s.ops);
    b->ops->close(b);
    return e;
}

static void secret_of(int n, char out[33])
{
    (void)snprintf(out, 33, "c0ffee%026d", n);
}

/* Of every length up to the longest; some channels have none. */
static void url_of(int n, char out[CHANNEL_URL_MAX + 1])
{
    out[0] = '\0';
    if (n % 10 == 0)
        return;
    int len = snprintf(out, CHANNEL_URL_MAX + 1, "https://bot.example/hook?token=7ea5e7%026d", n);
    size_t more = (size_t)n * 13 % (CHANNEL_URL_MAX - (size_t)len + 1);
    memset(out + len, 'x', more);
    out[(size_t)len + more] = '\0';
}

static void add_channels(struct backend *b, int count)
{
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    for (int i = 1; i <= count; i++) {
        struct channel c = {.name = "c", .language = "en", .use_webhook = true};
        secret_of(i, c.secret);
        url_of(i, c.webhook_url);
        assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
        assert_int_equal(c.id, 2000000000 + i);
        (void)snprintf(c.name, sizeof(c.name), "renamed %d", i);
        assert_int_equal(b->ops->channels->channel_update(b, &c), ERR_NONE);
    }
    assert_int_equal(b->ops->commit(b), ERR_NONE);
}

static void check_channels(struct backend *b, int count)
{
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    for (int i = 1; i <= count; i++) {
        struct channel c;
        char want[CHANNEL_URL_MAX + 1];
        secret_of(i, want);
        assert_int_equal(b->ops->channels->channel_get(b, 2000000000 + i, &c), ERR_NONE);
        assert_string_equal(c.secret, want);
        url_of(i, want);
        assert_string_equal(c.webhook_url, want);
    }
    b->ops->rollback(b);
}

static void execute(const char *sql)
{
    char path[96];
    sqlite3 *db;
    (void)snprintf(path, sizeof(path), "%s/todoke.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void sealed_and_back(void **state)
{
    (void)state;
    struct seal s;
    struct backend *b = open_sealed(&s);
    struct stat st;
    assert_int_equal(stat(key_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    add_channels(b, 50);
    struct channel c;
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_get(b, 2000000007, &c), ERR_NONE);
    memcpy(c.previous_secret, c.secret, sizeof(c.secret));
    (void)snprintf(c.secret, sizeof(c.secret), "fresh%027d", 0);
    c.previous_until_ms = 5000;
    assert_int_equal(b->ops->channels->channel_update(b, &c), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    b->ops->close(b);
    assert_int_equal(files_with("c0ffee"), 0);
    assert_int_equal(files_with("7ea5e7"), 0);
    assert_int_equal(files_with("bot.example"), 0);
    assert_int_equal(files_with("fresh0000"), 0);
    assert_true(files_with("renamed 7") > 0); /* the search finds what is there */

    b = open_sealed(&s);
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_get(b, 2000000007, &c), ERR_NONE);
    assert_string_equal(c.secret, "fresh000000000000000000000000000");
    assert_string_equal(c.previous_secret, "c0ffee00000000000000000000000007");
    assert_int_equal(c.previous_until_ms, 5000);
    assert_true(channel_in_grace(&c, 4999) && !channel_in_grace(&c, 5000));
    assert_int_equal(b->ops->tokens->secret_prune(b, 4999, 0), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_get(b, 2000000007, &c), ERR_NONE);
    assert_true(c.previous_secret[0]);
    assert_int_equal(b->ops->tokens->secret_prune(b, 5000, 0), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_get(b, 2000000007, &c), ERR_NONE);
    assert_true(!c.previous_secret[0] && !c.previous_until_ms);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    b->ops->close(b);
}

/* What an older version, or a test, left in clear: in rows, in freed pages, in the log. */
static void clear_secrets_are_sealed_and_wiped(void **state)
{
    (void)state;
    struct backend *b;
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    add_channels(b, 400);
    b->ops->close(b);
    execute(
        "PRAGMA secure_delete=OFF; DELETE FROM channel WHERE id > 2000000300"); /* Debian's default is ON */
    assert_true(files_with("c0ffee00000000000000000000000001") > 0);
    assert_true(files_with("c0ffee00000000000000000000000391") > 0); /* though its row is gone */
    assert_true(files_with("7ea5e700000000000000000000000001") > 0);
    assert_true(files_with("7ea5e700000000000000000000000391") > 0);
    struct seal s;
    b = open_sealed(&s);
    check_channels(b, 300);
    assert_int_equal(files_with("c0ffee"), 0); /* while it is open, log and all */
    assert_int_equal(files_with("7ea5e7"), 0);
    b->ops->close(b);
    assert_int_equal(files_with("c0ffee"), 0);
    assert_int_equal(files_with("7ea5e7"), 0);
    b = open_sealed(&s);
    check_channels(b, 300);
    b->ops->close(b);
}

/* What the migration says of a database that has, or had, channels from before their URLs were sealed. */
#define UNCLEAN "UPDATE meta SET value=1 WHERE name='seal_unclean'"

/* As version 12 left it: secrets sealed, URLs in clear; also of channels that are gone. */
static void clear_urls_are_sealed_and_wiped(void **state)
{
    (void)state;
    struct seal s;
    struct backend *b = open_sealed(&s);
    add_channels(b, 60);
    struct channel c;
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_get(b, 2000000007, &c), ERR_NONE);
    memcpy(c.previous_secret, c.secret, sizeof(c.secret));
    c.previous_until_ms = 5000;
    assert_int_equal(b->ops->channels->channel_update(b, &c), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    b->ops->close(b);
    execute("UPDATE channel SET webhook_url=printf('https://old.example/?token=7ea5e7%026d', id);"
            "PRAGMA secure_delete=OFF; DELETE FROM channel WHERE id > 2000000050;" UNCLEAN);
    assert_true(files_with("7ea5e700000000000000002000000001") > 0);
    assert_true(files_with("7ea5e700000000000000002000000055") > 0);
    b = open_sealed(&s);
    assert_int_equal(files_with("7ea5e7"), 0);
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_get(b, 2000000007, &c), ERR_NONE);
    assert_string_equal(c.webhook_url, "https://old.example/?token=7ea5e700000000000000002000000007");
    assert_string_equal(c.secret, "c0ffee00000000000000000000000007");
    assert_string_equal(c.previous_secret, "c0ffee00000000000000000000000007");
    assert_int_equal(c.previous_until_ms, 5000);
    b->ops->rollback(b);
    b->ops->close(b);
    assert_int_equal(files_with("7ea5e7"), 0);
    /* With no channel left there is nothing to seal, and the file holds them all the same. */
    execute("UPDATE channel SET webhook_url=printf('https://old.example/?token=7ea5e7%026d', id);"
            "PRAGMA secure_delete=OFF; DELETE FROM channel;" UNCLEAN);
    assert_true(files_with("7ea5e7") > 0);
    b = open_sealed(&s);
    b->ops->close(b);
    assert_int_equal(files_with("7ea5e7"), 0);
}

static void wrong_or_missing_key(void **state)
{
    (void)state;
    struct seal s;
    struct backend *b = open_sealed(&s);
    add_channels(b, 3);
    b->ops->close(b);
    char other[100], text[80];
    (void)snprintf(other, sizeof(other), "%s/kept", dir);
    assert_int_equal(rename(key_path, other), 0);
    assert_int_equal(try_open(), ERR_NOT_FOUND);
    assert_int_equal(access(key_path, F_OK), -1); /* none was made */
    static const struct {
        const char *text;
        enum err want;
    } rows[] = {
        {"", ERR_INVALID},
        {"0123", ERR_INVALID},
        {"zz00000000000000000000000000000000000000000000000000000000000000\n", ERR_INVALID},
        {"000000000000000000000000000000000000000000000000000000000000000000\n", ERR_INVALID},
        {"0x00000000000000000000000000000000000000000000000000000000000000\n", ERR_INVALID},
        {"00:0000000000000000000000000000000000000000000000000000000000000\n", ERR_INVALID},
        {"00 0000000000000000000000000000000000000000000000000000000000000\n", ERR_INVALID},
        {"000000000000000000000000000000000000000000000000000000000000000\n", ERR_INVALID},
        {"0000000000000000000000000000000000000000000000000000000000000000\n", ERR_DENIED},
        {"ABCDEFabcdef0000000000000000000000000000000000000000000000000000 \r\n", ERR_DENIED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        FILE *out = fopen(key_path, "w");
        assert_non_null(out);
        (void)fputs(rows[i].text, out);
        (void)fclose(out);
        assert_int_equal(try_open(), rows[i].want);
        FILE *in = fopen(key_path, "r");
        size_t len = fread(text, 1, sizeof(text) - 1, in);
        (void)fclose(in);
        text[len] = '\0';
        assert_string_equal(text, rows[i].text); /* nothing was overwritten */
        assert_true(strlen(seal_problem(rows[i].want)) > 20);
    }
    assert_int_equal(rename(other, key_path), 0);
    b = open_sealed(&s);
    check_channels(b, 3);
    b->ops->close(b);
}

static void for_its_channel_only(void **state)
{
    (void)state;
    static const char *const tampering[] = {
        "UPDATE channel SET secret=(SELECT secret FROM channel WHERE id=2000000001) WHERE id=2000000002",
        "UPDATE channel SET previous_secret=secret WHERE id=2000000002",
        ("UPDATE channel SET secret=CAST(substr(secret,1,length(secret)-1)||CASE substr(secret,-1) WHEN "
         "x'00' "
         "THEN x'01' ELSE x'00' END AS BLOB) WHERE id=2000000002"),
        "UPDATE channel SET secret=CAST(x'02'||substr(secret,2) AS BLOB) WHERE id=2000000002",
        "UPDATE channel SET secret=x'01' WHERE id=2000000002",
        "UPDATE channel SET webhook_url=(SELECT webhook_url FROM channel WHERE id=2000000001) WHERE "
        "id=2000000002",
        "UPDATE channel SET webhook_url=secret WHERE id=2000000002",
        "UPDATE channel SET webhook_url=x'01' WHERE id=2000000002",
        "UPDATE channel SET webhook_url=CAST(substr(webhook_url,1,60)||substr(webhook_url,62) AS BLOB) WHERE "
        "id=2000000002",
    };
    for (size_t i = 0; i < sizeof(tampering) / sizeof(tampering[0]); i++) {
        assert_int_equal(remove_dir(NULL), 0);
        assert_int_equal(mkdir(dir, 0700), 0);
        struct seal s;
        struct backend *b = open_sealed(&s);
        add_channels(b, 2);
        b->ops->close(b);
        execute(tampering[i]);
        b = open_sealed(&s);
        struct channel c;
        assert_int_equal(log_configure("error"), ERR_NONE);
        assert_int_equal(b->ops->begin(b), ERR_NONE);
        assert_int_equal(b->ops->channels->channel_get(b, 2000000001, &c), ERR_NONE);
        assert_int_equal(b->ops->channels->channel_get(b, 2000000002, &c), ERR_DENIED);
        b->ops->rollback(b);
        b->ops->close(b);
    }
}

static void without_a_key_nothing_is_lost(void **state)
{
    (void)state;
    struct seal s;
    struct backend *b = open_sealed(&s);
    add_channels(b, 2);
    b->ops->close(b);
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE); /* as `todoke key` does */
    struct channel c;
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_get(b, 2000000001, &c), ERR_NONE);
    assert_string_equal(c.secret, "");
    assert_string_equal(c.webhook_url, "");
    assert_int_equal(b->ops->channels->channel_update(b, &c), ERR_NONE);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    b->ops->close(b);
    b = open_sealed(&s);
    check_channels(b, 2);
    b->ops->close(b);
}

static void rotation(void **state)
{
    (void)state;
    struct seal s, fresh;
    struct backend *b = open_sealed(&s);
    add_channels(b, 20);
    int64_t before = s.id;
    char old_key[2 * SEAL_KEY_LEN + 1] = "";
    (void)sodium_bin2hex(old_key, sizeof(old_key), s.key, SEAL_KEY_LEN);
    /* Cut off before the commit: the old key is the key. */
    assert_int_equal(seal_rotate(&fresh, &s), ERR_NONE);
    assert_true(fresh.id != before);
    b->ops->close(b);
    b = open_sealed(&s);
    assert_int_equal(s.id, before);
    check_channels(b, 20);
    /* Cut off after the commit: the new one is, and is put in its place. */
    assert_int_equal(seal_rotate(&fresh, &s), ERR_NONE);
    assert_int_equal(sqlite_reseal(b, &fresh.ops), ERR_NONE);
    check_channels(b, 20);
    b->ops->close(b);
    assert_int_equal(files_with(old_key), 1);
    b = open_sealed(&s);
    assert_int_equal(s.id, fresh.id);
    check_channels(b, 20);
    assert_int_equal(files_with(old_key), 0);
    /* Whole. */
    assert_int_equal(seal_rotate(&fresh, &s), ERR_NONE);
    assert_int_equal(sqlite_reseal(b, &fresh.ops), ERR_NONE);
    assert_int_equal(seal_rotated(&fresh), ERR_NONE);
    b->ops->close(b);
    b = open_sealed(&s);
    assert_true(s.id == fresh.id && s.id != before);
    check_channels(b, 20);
    b->ops->close(b);
}

static enum err count_token(void *arg, const struct channel_token *t)
{
    assert_true(t->id > 0 && t->created_ms == 10);
    ++*(int *)arg;
    return ERR_NONE;
}

static void tokens(void **state)
{
    (void)state;
    struct seal s;
    struct backend *b = open_sealed(&s);
    add_channels(b, 2);
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    char text[TOKEN_TEXT_LEN + 1];
    struct channel_token t = {.channel_id = 2000000001, .created_ms = 10, .expires_ms = 100}, got;
    for (int i = 0; i < 3; i++) {
        token_make(&random_system, text, &t);
        assert_int_equal(strlen(text), TOKEN_TEXT_LEN);
        assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                         TOKEN_TEXT_LEN);
        assert_int_equal(strncmp(t.hint, text, 8), 0);
        assert_int_equal(b->ops->tokens->token_insert(b, &t, 3, 10), ERR_NONE);
    }
    assert_int_equal(b->ops->tokens->token_insert(b, &t, 3, 99), ERR_LIMIT);
    token_make(&random_system, text, &t);
    assert_int_equal(b->ops->tokens->token_insert(b, &t, 3, 100), ERR_NONE); /* the others have expired */
    struct channel_token nobody = t;
    nobody.channel_id = 7;
    assert_int_equal(b->ops->tokens->token_insert(b, &nobody, 3, 100), ERR_NOT_FOUND);
    uint8_t hash[ACCESS_HASH_LEN];
    ticket_hash(span_of(text), hash);
    assert_int_equal(b->ops->tokens->token_find(b, hash, &got), ERR_NONE);
    assert_true(got.id == t.id && got.channel_id == 2000000001 && got.expires_ms == 100 && !got.used_ms);
    assert_true(token_valid(&got, 99) && !token_valid(&got, 100));
    assert_int_equal(b->ops->tokens->token_use(b, t.id, 50), ERR_NONE);
    assert_int_equal(b->ops->tokens->token_use(b, t.id, 40), ERR_NONE); /* came late */
    assert_int_equal(b->ops->tokens->token_find(b, hash, &got), ERR_NONE);
    assert_int_equal(got.used_ms, 50);
    int count = 0;
    assert_int_equal(b->ops->tokens->token_list(b, 2000000001, count_token, &count), ERR_NONE);
    assert_int_equal(count, 4);
    assert_int_equal(b->ops->tokens->token_delete(b, 2000000002, t.id),
                     ERR_NOT_FOUND); /* another channel's */
    assert_int_equal(b->ops->tokens->token_delete(b, 2000000001, t.id), ERR_NONE);
    assert_int_equal(b->ops->tokens->token_find(b, hash, &got), ERR_NOT_FOUND);
    assert_int_equal(b->ops->tokens->secret_prune(b, 0, 99), ERR_NONE);
    count = 0;
    assert_int_equal(b->ops->tokens->token_list(b, 2000000001, count_token, &count), ERR_NONE);
    assert_int_equal(count, 3);
    assert_int_equal(b->ops->tokens->secret_prune(b, 0, 100), ERR_NONE);
    count = 0;
    assert_int_equal(b->ops->tokens->token_list(b, 2000000001, count_token, &count), ERR_NONE);
    assert_int_equal(count, 0);
    t.expires_ms = 0;
    assert_int_equal(b->ops->tokens->token_insert(b, &t, 3, 10), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_delete(b, 2000000001), ERR_NONE); /* and its tokens */
    assert_int_equal(b->ops->tokens->token_find(b, hash, &got), ERR_NOT_FOUND);
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    b->ops->close(b);
    assert_int_equal(files_with(text), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sealed_and_back, make_key_dir, remove_dir),
        cmocka_unit_test_setup_teardown(clear_secrets_are_sealed_and_wiped, make_key_dir, remove_dir),
        cmocka_unit_test_setup_teardown(clear_urls_are_sealed_and_wiped, make_key_dir, remove_dir),
        cmocka_unit_test_setup_teardown(wrong_or_missing_key, make_key_dir, remove_dir),
        cmocka_unit_test_setup_teardown(for_its_channel_only, make_key_dir, remove_dir),
        cmocka_unit_test_setup_teardown(without_a_key_nothing_is_lost, make_key_dir, remove_dir),
        cmocka_unit_test_setup_teardown(rotation, make_key_dir, remove_dir),
        cmocka_unit_test_setup_teardown(tokens, make_key_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
