/*
 * `todoke key`: API keys, straight in the data directory, whether a node runs on it or not. A running node sees a new key at once
 * and a revoked one within a second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/keys.h"
#include "app/commands.h"
#include "app/direct.h"
#include "app/key_seal.h"
#include "app/record.h"

static int usage(FILE *to, int status)
{
    (void)fputs(
        "usage: todoke key create --data DIR --role operator|ingest   makes a key and prints it, once\n"
        "       todoke key list --data DIR                            ids, roles, first characters, times\n"
        "       todoke key revoke --data DIR ID                       the key of that id is valid no more\n"
        "       todoke key rotate-seal --data DIR [--secret-key FILE]   another key for the secrets of "
        "channels; no node may run\n",
        to);
    return status;
}

struct key_args {
    const char *data, *role, *id, *secret_key;
};

static int parse(int argc, char **argv, struct key_args *ret)
{
    for (int i = 2; i < argc; i++) {
        const char **to = strcmp(argv[i], "--data") == 0         ? &ret->data
                          : strcmp(argv[i], "--role") == 0       ? &ret->role
                          : strcmp(argv[i], "--secret-key") == 0 ? &ret->secret_key
                                                                 : NULL;
        if (to && i + 1 < argc) {
            *to = argv[++i];
        } else if (argv[i][0] != '-' && !ret->id && strcmp(argv[1], "revoke") == 0) {
            ret->id = argv[i];
        } else {
            (void)fprintf(stderr, "todoke key: %s %s\n", to ? "a value is missing for" : "cannot understand",
                          argv[i]);
            return usage(stderr, 2);
        }
    }
    if (!ret->data)
        ret->data = getenv("TODOKE_DATA");
    if (!ret->secret_key)
        ret->secret_key = getenv("TODOKE_SECRET_KEY");
    if (!ret->data) {
        (void)fprintf(stderr, "todoke key: --data DIR is needed\n");
        return 2;
    }
    return 0;
}

static enum err change(struct backend *b, enum err (*fn)(struct backend *b, void *arg), void *arg)
{
    enum err e = b->ops->begin(b);
    if (e)
        return e;
    e = fn(b, arg);
    if (!e)
        e = b->ops->commit(b);
    if (e)
        b->ops->rollback(b);
    return e;
}

static void tell_key(struct json_write *w, const void *arg)
{
    const struct access_key *k = arg;
    json_write_key(w, "role");
    json_write_str(w, keys_role_text(k->role));
    json_write_key(w, "hint");
    json_write_str(w, k->hint);
}

static enum err insert(struct backend *b, void *arg)
{
    struct access_key *k = arg;
    enum err e = b->ops->key_insert(b, k);
    return e ? e : record_change(b, "key.create", "key", k->id, tell_key, k);
}

static int create(struct backend *b, const struct key_args *a)
{
    enum role role = !a->role                           ? ROLE_NONE
                     : strcmp(a->role, "operator") == 0 ? ROLE_OPERATOR
                     : strcmp(a->role, "ingest") == 0   ? ROLE_INGEST
                                                        : ROLE_NONE;
    if (role == ROLE_NONE) {
        (void)fprintf(stderr, "todoke key: --role operator or --role ingest is needed\n");
        return 2;
    }
    char text[KEYS_TEXT_LEN + 1];
    struct access_key k;
    keys_make(&random_system, role, text, &k);
    k.created_ms = clock_system.wall_ms(NULL);
    enum err e = change(b, insert, &k);
    if (e)
        return direct_fail("key", a->data, e);
    (void)puts(text);
    return 0;
}

static enum err print_key(void *arg, const struct access_key *k)
{
    (void)arg;
    char made[DIRECT_TIME_LEN], revoked[DIRECT_TIME_LEN];
    direct_time(k->created_ms, made);
    direct_time(k->revoked_ms, revoked);
    (void)printf("%-4lld %-9s %s…  %-20s  %s\n", (long long)k->id, keys_role_text(k->role), k->hint, made,
                 revoked);
    return ERR_NONE;
}

static enum err print_all(struct backend *b, void *arg)
{
    (void)printf("%-4s %-9s %-10s %-20s  %s\n", "ID", "ROLE", "KEY", "CREATED", "REVOKED");
    return b->ops->key_list(b, print_key, arg);
}

static enum err revoke_key(struct backend *b, void *arg)
{
    int64_t id = *(int64_t *)arg;
    enum err e = b->ops->key_revoke(b, id, clock_system.wall_ms(NULL));
    return e ? e : record_change(b, "key.revoke", "key", id, NULL, NULL);
}

static int run(struct backend *b, const char *what, const struct key_args *a)
{
    if (strcmp(what, "create") == 0)
        return create(b, a);
    if (strcmp(what, "list") == 0) {
        enum err e = change(b, print_all, NULL);
        return e ? direct_fail("key", a->data, e) : 0;
    }
    char *end = NULL;
    int64_t id = a->id ? strtoll(a->id, &end, 10) : 0;
    if (id <= 0 || *end) {
        (void)fprintf(stderr, "todoke key: which one? Give the ID that `todoke key list` shows\n");
        return 2;
    }
    enum err e = change(b, revoke_key, &id);
    if (e == ERR_NOT_FOUND) {
        (void)fprintf(stderr, "todoke key: no valid key has the id %lld\n", (long long)id);
        return 2;
    }
    return e ? direct_fail("key", a->data, e) : 0;
}

int cmd_key(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return usage(stdout, 0);
    if (argc < 2 || (strcmp(argv[1], "create") != 0 && strcmp(argv[1], "list") != 0 &&
                     strcmp(argv[1], "revoke") != 0 && strcmp(argv[1], "rotate-seal") != 0))
        return usage(stderr, 2);
    struct key_args a = {0};
    int status = parse(argc, argv, &a);
    if (status)
        return status;
    if (strcmp(argv[1], "rotate-seal") == 0)
        return key_seal_rotate(a.data, a.secret_key);
    struct backend *b;
    status = direct_open("key", a.data, strcmp(argv[1], "create") == 0, &b);
    if (status)
        return status;
    status = run(b, argv[1], &a);
    b->ops->close(b);
    return status;
}
