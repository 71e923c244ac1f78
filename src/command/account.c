/*
 * `todoke account`: manages login accounts directly in the data directory, whether a node runs on it or not.
 * A running node sees changes at once, because it reads the account on every request of its sessions.
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
#include "base/clock.h"
#include "base/visible.h"
#include "command/client.h"
#include "command/commands.h"
#include "command/paint.h"
#include "command/record.h"
#include "command/resource.h"
#include "node/direct.h"

static const struct row {
    const char *verb, *words, *help;
} rows[] = {
    {"create", "--data DIR --email E [--role operator] [--name N] [--language en|ja]", "creates an account"},
    {"list", "--data DIR", "IDs, addresses, roles, states, last logins"},
    {"password", "--data DIR EMAIL", "sets a new password; ends its sessions"},
    {"disable", "--data DIR EMAIL", "forbids login; ends its sessions"},
    {"enable", "--data DIR EMAIL", "allows login again"},
    {"confirm", "--data DIR EMAIL", "vouches that its user owns the address: its waiting roles take effect"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Usage of one verb; NULL: of all verbs. */
static int usage(FILE *to, const char *verb, int status)
{
    const char *lead = "usage:";
    for (size_t i = 0; i < ROWS; i++) {
        if (verb && strcmp(verb, rows[i].verb) != 0)
            continue;
        (void)fprintf(to, "%-6s todoke account %-8s %-20s %s\n", lead, rows[i].verb, rows[i].words,
                      rows[i].help);
        lead = "";
    }
    if (!verb) {
        (void)fputs("\nOver the API of a node, without --data:\n", to);
        resource_usage(to, "account", "");
    }
    (void)fputs("\ncreate and password ask for the password, or read it from standard input if that is not a "
                "terminal.\n"
                "Without --role an account can do nothing until it gets a role on a provider or "
                "channel.\n",
                to);
    if (!verb)
        client_help(to);
    return status;
}

struct account_args {
    const char *what, *data, *email, *role, *name, *language;
};

static int complain(const char *what, const char *about)
{
    return visible_complain("account", "%s %s", what, about);
}

static int parse(int argc, char **argv, struct account_args *ret)
{
    char name[40];
    (void)snprintf(name, sizeof(name), "account %s", argv[1]);
    bool create = strcmp(argv[1], "create") == 0, list = strcmp(argv[1], "list") == 0;
    const struct argument data[] = {
        ARGUMENT_OF_TEXT("--data", &ret->data, "DIR", "the data directory [TODOKE_DATA]"), ARGUMENT_END};
    const struct argument email[] = {
        ARGUMENT_OF_TEXT("--email", &ret->email, "E", "the account's mail address"), ARGUMENT_END};
    const struct argument more[] = {
        ARGUMENT_OF_TEXT("--role", &ret->role, "operator", "may do everything"),
        ARGUMENT_OF_TEXT("--name", &ret->name, "N", "display name"),
        ARGUMENT_OF_TEXT("--language", &ret->language, "en|ja", "language of its mails and pages"),
        ARGUMENT_END};
    struct arguments in = {
        .command = name, .options = {data, list ? NULL : email, create ? more : NULL}, .words_max = !list};
    ret->what = argv[1];
    int status = arguments_read(&in, argc, argv, 2);
    if (status)
        return status;
    if (in.word_count && ret->email)
        return complain("one address at a time:", in.words[0]);
    if (in.word_count)
        ret->email = in.words[0];
    if (!ret->data)
        ret->data = getenv("TODOKE_DATA");
    if (!ret->data)
        return complain("--data DIR", "is needed");
    if (!list && !ret->email)
        return complain("which account?", "Give its mail address");
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

/* Reads a line of standard input without its line end. False: end of input, or the line is too long. */
static bool read_line(struct line *ret)
{
    if (!fgets(ret->text, sizeof(ret->text), stdin))
        return false;
    size_t len = strcspn(ret->text, "\r\n");
    bool whole = ret->text[len] || feof(stdin);
    ret->text[len] = '\0';
    return whole;
}

/* Reads a password; at a terminal twice and without echo. Returns 0 or the exit status. */
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
    return same ? 0 : complain("the two passwords", "are not the same");
}

/* Asks for a password and hashes it. Returns 0 or the exit status. */
static int ask_password(const char *email, char hash[static ACCOUNT_HASH_MAX])
{
    struct line typed = {0};
    int status = ask(&typed);
    const char *refusal = status ? NULL : password_refuse(span_of(typed.text), email);
    if (refusal)
        status = complain("the password", refusal);
    if (!status && password_hash(&password_cost_standard, span_of(typed.text), hash)) {
        (void)complain("out of", "memory");
        status = 1;
    }
    explicit_bzero(&typed, sizeof(typed));
    return status;
}

/* One change, committed in one transaction with its audit entry. */
struct change {
    const char *action;
    struct account account, before;
    bool insert, end_sessions;
    bool confirm; /* marks the account confirmed if it was not */
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

/* Refuses to disable the last operator or the last Admin of a provider. */
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
    e = c->insert ? b->ops->accounts->account_insert(b, &c->account)
                  : b->ops->accounts->account_update(b, &c->account);
    if (!e && c->confirm && !c->before.confirmed)
        e = confirm_before(b, c);
    if (!e && c->end_sessions)
        e = b->ops->accounts->session_delete_others(b, c->account.id, NULL);
    if (!e && c->end_sessions)
        e = b->ops->accounts->invitation_delete(b, c->account.id);
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
    const char *why = email_account(span_of(a->email), to->email);
    if (why) {
        (void)visible_complain("account", "no mail address: %s: %s", a->email, why);
        return 2;
    }
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

/* Prepares enable, disable, password or confirm. Returns 0 or the exit status. */
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
    char email[EMAIL_MAX + 1];
    struct change c = {.action = "account.update"};
    if (!email_look_up(span_of(a->email), email))
        return complain("no mail address:", a->email);
    enum err e = b->ops->accounts->account_by_email(b, span_of(email), &c.account);
    if (e == ERR_NOT_FOUND)
        return complain("no account has the address", email);
    if (e)
        return direct_fail("account", a->data, e);
    int status = prepare(&c, a);
    if (!status && account_same(&c.before, &c.account))
        return 0; /* nothing to change */
    e = status ? ERR_NONE : change(b, &c);
    if (e == ERR_CONFLICT) {
        (void)visible_complain("account", "%s", c.why);
        return CLIENT_CONFLICT;
    }
    return e ? direct_fail("account", a->data, e) : status;
}

static enum err print_account(void *arg, const struct account *a)
{
    const struct paint *p = arg;
    char made[DIRECT_TIME_LEN], last[DIRECT_TIME_LEN];
    direct_time(a->created_ms, made);
    direct_time(a->last_login_ms, last);
    (void)printf("%-4lld ", (long long)a->id);
    paint_padded(p, PAINT_PLAIN, a->email, 32);
    (void)printf(" %-9s %-11s %-20s  %-20s  ", a->operator? "operator" : "-",
                 a->disabled       ? "disabled"
                 : !a->password[0] ? "invited"
                 : a->confirmed    ? "active"
                                   : "unconfirmed",
                 made, last);
    paint_padded(p, PAINT_PLAIN, a->inviter[0] ? a->inviter : "-", 0);
    (void)putchar('\n');
    return ERR_NONE;
}

static int list(struct backend *b, const struct account_args *a)
{
    (void)printf("%-4s %-32s %-9s %-11s %-20s  %-20s  %s\n", "ID", "EMAIL", "ROLE", "STATE", "CREATED",
                 "LAST LOGIN", "INVITED BY");
    struct paint p;
    paint_init(&p, stdout);
    enum err e = b->ops->accounts->account_list(b, 0, UINT32_MAX, print_account, &p);
    return e ? direct_fail("account", a->data, e) : 0;
}

/* Whether the command means the data directory and not the API of a node. */
static bool is_local(int argc, char **argv)
{
    return arguments_have(argc, argv, "--data") ||
           (getenv("TODOKE_DATA") && strcmp(argv[1], "list") == 0 && !arguments_have(argc, argv, "--api") &&
            !arguments_have(argc, argv, "--key"));
}

int cmd_account(int argc, char **argv)
{
    static int (*const runs[])(struct backend * b, const struct account_args *a) = {create, list,  alter,
                                                                                    alter,  alter, alter};
    _Static_assert(sizeof(runs) / sizeof(runs[0]) == ROWS, "a function for each row");
    const char *names[32];
    size_t n = 0, found = ROWS;
    for (; n < ROWS; n++) {
        names[n] = rows[n].verb;
        if (argc > 1 && strcmp(argv[1], rows[n].verb) == 0)
            found = n;
    }
    (void)resource_verbs("account", names, n, sizeof(names) / sizeof(names[0]));
    bool help = arguments_ask_help(argc, argv), over_api = argc > 1 && resource_has("account", argv[1]);
    if (over_api && !(help && found < ROWS) && !is_local(argc, argv))
        return resource_run("account", argc, argv);
    if (argc > 1 && found == ROWS && (argv[1][0] != '-' || !help))
        return over_api ? complain("--data does not go with", argv[1])
                        : arguments_no_verb("account", argv[1], names);
    if (help || argc < 2) {
        int status = usage(help ? stdout : stderr, found < ROWS ? rows[found].verb : NULL, help ? 0 : 2);
        if (over_api)
            (void)puts("\nOver the API of a node, without --data:");
        return over_api ? resource_run("account", argc, argv) : status;
    }
    struct account_args a = {0};
    int status = parse(argc, argv, &a);
    if (status)
        return status;
    struct backend *b;
    status = direct_open("account", a.data, strcmp(argv[1], "create") == 0, &b);
    if (status)
        return status;
    status = runs[found](b, &a);
    b->ops->close(b);
    return status;
}
