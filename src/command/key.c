/*
 * `todoke key`: manages API keys directly in the data directory, whether a node runs on it or not. A running
 * node accepts a new key at once and refuses a revoked one within a second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/keys.h"
#include "base/visible.h"
#include "command/commands.h"
#include "command/key_seal.h"
#include "command/record.h"
#include "node/arguments.h"
#include "node/direct.h"

struct key_args {
    const char *data, *role, *id, *secret_key;
};

static const struct row {
    const char *verb, *words, *help;
} rows[] = {
    {"create", "--data DIR --role operator|ingest", "makes a key and prints it; it is not shown again"},
    {"list", "--data DIR", "IDs, roles, first characters, times"},
    {"revoke", "--data DIR ID", "revokes the key with this ID"},
    {"rotate-seal", "--data DIR [--secret-key FILE]",
     "encrypts stored secrets with a new key; no node may run"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Usage of one verb; NULL: of all verbs. */
static int usage(FILE *to, const char *verb, int status)
{
    const char *lead = "usage:";
    for (size_t i = 0; i < ROWS; i++) {
        if (verb && strcmp(verb, rows[i].verb) != 0)
            continue;
        (void)fprintf(to, "%-6s todoke key %-11s %-35s %s\n", lead, rows[i].verb, rows[i].words,
                      rows[i].help);
        lead = "";
    }
    (void)fputs("\nTODOKE_DATA can replace --data DIR, and TODOKE_SECRET_KEY --secret-key FILE.\n", to);
    return status;
}

static int parse(int argc, char **argv, struct key_args *ret)
{
    char name[40];
    (void)snprintf(name, sizeof(name), "key %s", argv[1]);
    bool seal = strcmp(argv[1], "rotate-seal") == 0, create = strcmp(argv[1], "create") == 0;
    const struct argument data[] = {
        ARGUMENT_OF_TEXT("--data", &ret->data, "DIR", "the data directory [TODOKE_DATA]"), ARGUMENT_END};
    const struct argument own[] = {
        create ? (struct argument)ARGUMENT_OF_TEXT("--role", &ret->role, "ROLE", "operator or ingest")
        : seal
            ? (struct argument)ARGUMENT_OF_TEXT("--secret-key", &ret->secret_key, "FILE", "where the key is")
            : (struct argument)ARGUMENT_END,
        ARGUMENT_END};
    struct arguments in = {
        .command = name, .options = {data, own}, .words_max = strcmp(argv[1], "revoke") == 0};
    int status = arguments_read(&in, argc, argv, 2);
    if (status)
        return status;
    ret->id = in.word_count ? in.words[0] : NULL;
    if (!ret->data)
        ret->data = getenv("TODOKE_DATA");
    if (!ret->secret_key)
        ret->secret_key = getenv("TODOKE_SECRET_KEY");
    if (!ret->data) {
        (void)visible_complain(name, "--data DIR is needed");
        return arguments_try(name);
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
    enum err e = b->ops->keys->key_insert(b, k);
    return e ? e : record_change(b, "key.create", "key", k->id, tell_key, k);
}

static int create(struct backend *b, const struct key_args *a)
{
    enum role role = !a->role                           ? ROLE_NONE
                     : strcmp(a->role, "operator") == 0 ? ROLE_OPERATOR
                     : strcmp(a->role, "ingest") == 0   ? ROLE_INGEST
                                                        : ROLE_NONE;
    if (role == ROLE_NONE)
        return visible_complain("key create", "--role operator or --role ingest is needed");
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
    return b->ops->keys->key_list(b, print_key, arg);
}

static enum err revoke_key(struct backend *b, void *arg)
{
    int64_t id = *(int64_t *)arg;
    enum err e = b->ops->keys->key_revoke(b, id, clock_system.wall_ms(NULL));
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
    if (id <= 0 || *end)
        return visible_complain("key revoke", "which key? Give the ID that `todoke key list` shows");
    enum err e = change(b, revoke_key, &id);
    if (e == ERR_NOT_FOUND)
        return visible_complain("key revoke", "no valid key has the id %lld", (long long)id);
    return e ? direct_fail("key", a->data, e) : 0;
}

int cmd_key(int argc, char **argv)
{
    const char *verbs[ROWS + 1] = {NULL};
    const char *verb = NULL;
    for (size_t i = 0; i < ROWS; i++) {
        verbs[i] = rows[i].verb;
        if (argc > 1 && strcmp(argv[1], rows[i].verb) == 0)
            verb = rows[i].verb;
    }
    bool help = arguments_ask_help(argc, argv);
    if (argc > 1 && !verb && (argv[1][0] != '-' || !help))
        return arguments_no_verb("key", argv[1], verbs);
    if (help || argc < 2)
        return usage(help ? stdout : stderr, verb, help ? 0 : 2);
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
