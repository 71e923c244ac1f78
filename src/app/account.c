/*
 * `todoke account`: who may log in, straight in the data directory, whether a node runs on it or not. A running node sees what is changed
 * here at once: it reads an account with every request of its sessions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "access/account.h"
#include "access/confirm.h"
#include "access/keep.h"
#include "access/password.h"
#include "app/client.h"
#include "app/commands.h"
#include "app/direct.h"
#include "app/record.h"
#include "app/resource.h"
#include "base/clock.h"

static int usage(FILE *to, int status)
{
    (void)fputs(
        "usage: todoke account create --data DIR --email E [--role operator] [--name N] [--language en|ja]\n"
        "       todoke account list --data DIR              ids, addresses, what they are, last log-ins\n"
        "       todoke account password --data DIR EMAIL    another password; ends its sessions\n"
        "       todoke account disable --data DIR EMAIL     nobody logs in with it any more; ends its "
        "sessions\n"
        "       todoke account enable --data DIR EMAIL\n"
        "       todoke account confirm --data DIR EMAIL     whoever uses it owns the address: roles wait no "
        "longer\n\n"
        "Over the API of a node, without --data:\n",
        to);
    resource_usage(to, "account", "");
    (void)fputs("\ncreate and password ask for the password, or read it from standard input where that is no "
                "terminal.\n"
                "Without --role an account may do nothing until it is given a role on a provider or "
                "channel.\n" CLIENT_HELP,
                to);
    return status;
}

struct account_args {
    const char *what, *data, *email, *role, *name, *language;
};

static int complain(const char *what, const char *about)
{
    (void)fprintf(stderr, "todoke account: %s %s\n", what, about);
    return 2;
}

static int parse(int argc, char **argv, struct account_args *ret)
{
    const struct {
        const char *name;
        const char **to;
    } options[] = {{"--data", &ret->data},
                   {"--email", &ret->email},
                   {"--role", &ret->role},
                   {"--name", &ret->name},
                   {"--language", &ret->language}};
    ret->what = argv[1];
    for (int i = 2; i < argc; i++) {
        size_t n = 0;
        while (n < 5 && strcmp(argv[i], options[n].name) != 0)
            n++;
        if (n < 5 && i + 1 < argc)
            *options[n].to = argv[++i];
        else if (n == 5 && argv[i][0] != '-' && !ret->email && strcmp(ret->what, "list") != 0)
            ret->email = argv[i];
        else
            return complain(n < 5 ? "a value is missing for" : "cannot understand", argv[i]);
    }
    if (!ret->data)
        ret->data = getenv("TODOKE_DATA");
    if (!ret->data)
        return complain("--data DIR", "is needed");
    if (strcmp(ret->what, "list") != 0 && !ret->email)
        return complain("which one?", "Give its mail address");
    if (ret->role && strcmp(ret->role, "operator") != 0)
        return complain("--role can only be operator, not", ret->role);
    if (ret->language && strcmp(ret->language, "en") != 0 && strcmp(ret->language, "ja") != 0)
        return complain("--language must be en or ja, not", ret->language);
    if (ret->name && name_refuse(span_of(ret->name)))
        return complain("--name", name_refuse(span_of(ret->name)));
    return 0;
}

struct line {
    char text[PASSWORD_BYTES_MAX + 3];
};

/* A line of standard input without its end; false: there is none, or it is too long. */
static bool read_line(struct line *ret)
{
    if (!fgets(ret->text, sizeof(ret->text), stdin))
        return false;
    size_t len = strcspn(ret->text, "\r\n");
    bool whole = ret->text[len] || feof(stdin);
    ret->text[len] = '\0';
    return whole;
}

/* At a terminal, twice and without an echo. 0, or the exit status. */
static int ask(struct line *ret)
{
    struct termios before, silent;
    if (tcgetattr(STDIN_FILENO, &before))
        return read_line(ret) ? 0 : complain("no password", "on standard input");
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    silent.c_lflag |= ECHONL;
    struct line again = {0};
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    (void)fputs("Password: ", stderr);
    bool ok = read_line(ret);
    if (ok)
        (void)fputs("Once more: ", stderr);
    ok = ok && read_line(&again);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    bool same = strcmp(ret->text, again.text) == 0;
    explicit_bzero(&again, sizeof(again));
    if (!ok)
        return complain("no password", "was given");
    return same ? 0 : complain("the two", "are not the same");
}

/* The hash of what people type. 0, or the exit status. */
static int ask_password(const char *email, char hash[static ACCOUNT_HASH_MAX])
{
    struct line typed = {0};
    int status = ask(&typed);
    const char *refusal = status ? NULL : password_refuse(span_of(typed.text), email);
    if (refusal)
        status = complain("the password", refusal);
    if (!status && password_hash(&password_cost_standard, span_of(typed.text), hash)) {
        (void)fprintf(stderr, "todoke account: out of memory\n");
        status = 1;
    }
    explicit_bzero(&typed, sizeof(typed));
    return status;
}

/* One change, in a transaction with its line of the audit log. */
struct change {
    const char *action;
    struct account account, before;
    bool insert, end_sessions;
    bool confirm; /* it becomes confirmed, if it was not */
    enum confirm_by by;
    char why[KEEP_WHY_LEN];
};

static void tell(struct json_write *w, const void *arg)
{
    const struct account *a = arg;
    json_write_key(w, "email");
    json_write_str(w, a->email);
    json_write_key(w, "operator");
    json_write_bool(w, a->operator);
    json_write_key(w, "disabled");
    json_write_bool(w, a->disabled);
}

struct confirmation {
    const struct account *account;
    struct buf dropped;
};

static void tell_confirmed(struct json_write *w, const void *arg)
{
    const struct confirmation *c = arg;
    json_write_key(w, "email");
    json_write_str(w, c->account->email);
    if (buf_len(&c->dropped)) {
        json_write_key(w, "rolesDropped");
        json_write_span(w, buf_span(&c->dropped));
    }
}

static enum err confirm_before(struct backend *b, const struct change *c)
{
    struct confirmation told = {.account = &c->before};
    buf_init(&told.dropped, 8192);
    enum err e = confirm_roles(b, &c->before, c->by, &told.dropped);
    if (!e)
        e = record_change(b, "account.confirm", "account", c->before.id, tell_confirmed, &told);
    buf_deinit(&told.dropped);
    return e;
}

/* What may not end, by these commands either. */
static enum err keep(struct backend *b, struct change *c)
{
    bool ends = !c->insert && c->account.disabled && !c->before.disabled;
    enum err e = ends && c->account.operator? keep_operator(b, c->account.id, c->why) : ERR_NONE;
    return e || !ends ? e : keep_admin(b, c->account.id, c->why);
}

static enum err run_change(struct backend *b, struct change *c)
{
    enum err e = keep(b, c);
    if (e)
        return e;
    e = c->insert ? b->ops->account_insert(b, &c->account) : b->ops->account_update(b, &c->account);
    if (!e && c->confirm && !c->before.confirmed)
        e = confirm_before(b, c);
    if (!e && c->end_sessions)
        e = b->ops->session_delete_others(b, c->account.id, NULL);
    if (!e && c->end_sessions)
        e = b->ops->invitation_delete(b, c->account.id);
    return e ? e : record_change(b, c->action, "account", c->account.id, tell, &c->account);
}

static enum err change(struct backend *b, struct change *c)
{
    enum err e = b->ops->begin(b);
    if (e)
        return e;
    e = run_change(b, c);
    if (!e)
        e = b->ops->commit(b);
    if (e)
        b->ops->rollback(b);
    return e;
}

static int create(struct backend *b, const struct account_args *a)
{
    struct change c = {.action = "account.create", .insert = true};
    struct account *to = &c.account;
    *to = (struct account){.operator= a->role, .confirmed = true, .created_ms = clock_system.wall_ms(NULL)};
    (void)snprintf(to->name, sizeof(to->name), "%s", a->name ? a->name : "");
    (void)snprintf(to->language, sizeof(to->language), "%s", a->language ? a->language : "en");
    if (account_email(span_of(a->email), to->email))
        return complain("no mail address:", a->email);
    int status = ask_password(to->email, to->password);
    enum err e = status ? ERR_NONE : change(b, &c);
    if (e == ERR_EXISTS)
        return complain("there is an account already of", to->email);
    if (e)
        return direct_fail("account", a->data, e);
    if (!status)
        (void)printf("%lld\n", (long long)to->id);
    return status;
}

/* enable, disable, password, confirm. 0, or the exit status. */
static int prepare(struct change *c, const struct account_args *a)
{
    struct account *to = &c->account;
    c->before = *to;
    c->confirm = strcmp(a->what, "password") == 0 || strcmp(a->what, "confirm") == 0;
    c->by = strcmp(a->what, "password") == 0 ? CONFIRM_HAND_OVER : CONFIRM_WORD;
    c->end_sessions = c->by == CONFIRM_HAND_OVER;
    if (c->confirm)
        confirm_mark(to, c->by);
    if (c->by == CONFIRM_HAND_OVER) {
        c->action = "account.password";
        return ask_password(to->email, to->password);
    }
    if (!c->confirm) {
        to->disabled = strcmp(a->what, "disable") == 0;
        c->end_sessions = to->disabled;
    }
    return 0;
}

static int alter(struct backend *b, const struct account_args *a)
{
    char email[ACCOUNT_EMAIL_MAX + 1];
    struct change c = {.action = "account.update"};
    if (account_email(span_of(a->email), email))
        return complain("no mail address:", a->email);
    enum err e = b->ops->account_by_email(b, span_of(email), &c.account);
    if (e == ERR_NOT_FOUND)
        return complain("no account has the address", email);
    if (e)
        return direct_fail("account", a->data, e);
    int status = prepare(&c, a);
    e = status ? ERR_NONE : change(b, &c);
    if (e == ERR_CONFLICT) {
        (void)fprintf(stderr, "todoke account: %s\n", c.why);
        return 2;
    }
    return e ? direct_fail("account", a->data, e) : status;
}

static enum err print_account(void *arg, const struct account *a)
{
    (void)arg;
    char made[DIRECT_TIME_LEN], last[DIRECT_TIME_LEN];
    direct_time(a->created_ms, made);
    direct_time(a->last_login_ms, last);
    (void)printf("%-4lld %-32s %-9s %-11s %-20s  %-20s  %s\n", (long long)a->id, a->email,
                 a->operator? "operator" : "-",
                 a->disabled       ? "disabled"
                 : !a->password[0] ? "invited"
                 : a->confirmed    ? "active"
                                   : "unconfirmed",
                 made, last, a->inviter[0] ? a->inviter : "-");
    return ERR_NONE;
}

static int list(struct backend *b, const struct account_args *a)
{
    (void)printf("%-4s %-32s %-9s %-11s %-20s  %-20s  %s\n", "ID", "EMAIL", "ROLE", "STATE", "CREATED",
                 "LAST LOGIN", "INVITED BY");
    enum err e = b->ops->account_list(b, 0, UINT32_MAX, print_account, NULL);
    return e ? direct_fail("account", a->data, e) : 0;
}

/* A list is wanted of the data directory, not of a node. */
static bool is_local(int argc, char **argv)
{
    bool local = getenv("TODOKE_DATA") && strcmp(argv[1], "list") == 0;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--data") == 0)
            return true;
        local = local && strcmp(argv[i], "--api") != 0 && strcmp(argv[i], "--key") != 0;
    }
    return local;
}

int cmd_account(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct backend *b, const struct account_args *a);
    } commands[] = {{"create", create}, {"list", list},    {"password", alter},
                    {"disable", alter}, {"enable", alter}, {"confirm", alter}};
    const size_t count = sizeof(commands) / sizeof(commands[0]);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return usage(stdout, 0);
    if (argc > 1 && resource_has("account", argv[1]) && !is_local(argc, argv))
        return resource_run("account", argc, argv);
    size_t n = 0;
    while (argc > 1 && n < count && strcmp(argv[1], commands[n].name) != 0)
        n++;
    if (argc < 2 || n == count)
        return usage(stderr, 2);
    struct account_args a = {0};
    int status = parse(argc, argv, &a);
    if (status)
        return status;
    struct backend *b;
    status = direct_open("account", a.data, strcmp(argv[1], "create") == 0, &b);
    if (status)
        return status;
    status = commands[n].run(b, &a);
    b->ops->close(b);
    return status;
}
