/* `todoke check`: checks the database for damage, and lists or accepts what a node asks an operator about. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/visible.h"
#include "command/commands.h"
#include "command/record.h"
#include "node/arguments.h"
#include "node/direct.h"
#include "report/stale_address.h"
#include "store/steady.h"

#define FOUND_MAX 100u

struct check_args {
    const char *data;
    bool accept_loss, accept_clock;
};

static int usage(FILE *to)
{
    (void)fputs(
        "usage: todoke check --data DIR [--accept-loss] [--accept-clock]\n\n"
        "Checks the whole database for damage (SQLite's integrity_check), and lists what an operator must\n"
        "accept (lost commits, a changed clock). A node may run meanwhile; its WAL file grows until the\n"
        "check ends. A database of an older todoke is checked but not changed. Invalid mail addresses are\n"
        "listed: no mail is sent to them.\n"
        "Exit: 0 nothing found, 1 damage, or something to accept.\n\n"
        "  --data DIR       the data directory [TODOKE_DATA]\n"
        "  --accept-loss    accepts that commits are missing: ends the alarm loss; checks nothing\n"
        "  --accept-clock   confirms that this machine's clock is right: ends the alarm clock, and old data\n"
        "                   is erased by this clock from now on; checks nothing\n",
        to);
    return 0;
}

static int parse(int argc, char **argv, struct check_args *ret)
{
    const struct argument options[] = {
        ARGUMENT_OF_TEXT("--data", &ret->data, "DIR", "the data directory [TODOKE_DATA]"),
        ARGUMENT_OF_FLAG("--accept-loss", &ret->accept_loss, "ends the alarm loss"),
        ARGUMENT_OF_FLAG("--accept-clock", &ret->accept_clock, "ends the alarm clock"), ARGUMENT_END};
    struct arguments in = {.command = "check", .options = {options}};
    int status = arguments_read(&in, argc, argv, 1);
    if (status)
        return status;
    if (!ret->data)
        ret->data = getenv("TODOKE_DATA");
    if (ret->data)
        return 0;
    (void)visible_complain("check", "--data DIR is needed");
    return arguments_try("check");
}

static void print_found(void *arg, const char *text)
{
    ++*(uint32_t *)arg;
    direct_print(stdout, "", text);
}

struct stale_walk {
    const char *dir;
    uint32_t told;
};

struct marks {
    int64_t values[MARK_COUNT];
};

static enum err read_marks(struct backend *b, struct marks *ret)
{
    enum err e = b->ops->begin(b);
    if (e)
        return e;
    for (int m = 0; !e && m < MARK_COUNT; m++)
        e = b->ops->marks->mark_get(b, (enum store_mark)m, &ret->values[m]);
    b->ops->rollback(b);
    return e;
}

/* values: NULL leaves a mark unchanged. action: of the audit entry; NULL writes none. */
static enum err put_marks(struct backend *b, const int64_t *const values[MARK_COUNT], const char *action)
{
    enum err e = b->ops->begin(b);
    if (e)
        return e;
    for (int m = 0; !e && m < MARK_COUNT; m++)
        if (values[m])
            e = b->ops->marks->mark_put(b, (enum store_mark)m, *values[m]);
    if (!e && action)
        e = record_change(b, action, "store", 0, NULL, NULL);
    if (!e)
        e = b->ops->commit(b);
    if (e)
        b->ops->rollback(b);
    return e;
}

static int accept(const struct check_args *a, struct backend *b)
{
    const int64_t now_ms = clock_system.wall_ms(NULL), zero = 0;
    const int64_t *const loss[MARK_COUNT] = {[MARK_LOST] = &zero},
                         *const clock[MARK_COUNT] = {
                             [MARK_SEEN] = &now_ms, [MARK_STEADY] = &zero, [MARK_TRIAL] = &zero};
    enum err e = a->accept_loss ? put_marks(b, loss, "loss.accept") : ERR_NONE;
    if (!e && a->accept_clock)
        e = put_marks(b, clock, "clock.accept");
    if (e)
        return direct_fail("check", a->data, e);
    char now[DIRECT_TIME_LEN];
    direct_time(now_ms, now);
    if (a->accept_loss)
        (void)printf("%s: accepted that commits are missing; the alarm loss ends\n", a->data);
    if (a->accept_clock)
        (void)printf("%s: accepted that it is %s; old data is erased by this clock from now on\n", a->data,
                     now);
    return 0;
}

static bool is_clock_off(const struct marks *m, int64_t now_ms)
{
    int64_t seen = m->values[MARK_SEEN];
    return m->values[MARK_TRIAL] ||
           (seen && (now_ms - seen > STEADY_OFF_MS || seen - now_ms > STEADY_OFF_MS));
}

/* Prints what an operator must accept. keep: also records in the store that it was checked. */
static int tell_marks(const struct check_args *a, struct backend *b, bool keep)
{
    struct marks m;
    const int64_t now_ms = clock_system.wall_ms(NULL), zero = 0;
    enum err e = read_marks(b, &m);
    if (!e && keep)
        e = put_marks(b, (const int64_t *const[MARK_COUNT]){[MARK_CHECKED] = &now_ms, [MARK_DAMAGED] = &zero},
                      NULL);
    if (e)
        return direct_fail("check", a->data, e);
    char lost[DIRECT_TIME_LEN], seen[DIRECT_TIME_LEN], now[DIRECT_TIME_LEN];
    direct_time(m.values[MARK_LOST], lost);
    direct_time(m.values[MARK_SEEN], seen);
    direct_time(now_ms, now);
    bool off = is_clock_off(&m, now_ms);
    if (m.values[MARK_LOST])
        (void)printf("%s: commits are missing (noticed at %s); to accept this, use --accept-loss\n", a->data,
                     lost);
    if (off)
        (void)printf("%s: a node erases nothing by age here: the last trusted time is %s, but this machine's "
                     "clock says %s; if the clock is right, use --accept-clock\n",
                     a->data, seen, now);
    return m.values[MARK_LOST] || off ? 1 : 0;
}

static enum err print_stale(void *arg, const struct stale_address *s)
{
    struct stale_walk *w = arg;
    if (w->told++ < FOUND_MAX) {
        (void)printf("%s: no mail is sent to the address of %s %lld, ", w->dir, s->of, (long long)s->id);
        visible_print(stdout, span_of(s->email), false);
        (void)printf(": %s; enter another one\n", s->why);
    }
    return ERR_NONE;
}

/* Lists addresses that older versions accepted and that are invalid now: neither damage nor an alarm. */
static int tell_stale(const struct check_args *a)
{
    struct stale_walk w = {.dir = a->data};
    struct backend *b; /* read-only: a running node keeps writing meanwhile */
    enum err e = sqlite_open(&b, a->data, STORE_READ);
    if (!e) {
        e = stale_address_list(b, print_stale, &w);
        b->ops->close(b);
    }
    if (!e && w.told > FOUND_MAX)
        (void)printf("%s: no mail is sent to %u more addresses\n", a->data, w.told - FOUND_MAX);
    return e ? direct_fail("check", a->data, e) : 0;
}

/* Checks a database of an older schema without changing it; only a node of this version migrates it. */
static int look_only(const struct check_args *a, int64_t schema, int64_t newest)
{
    struct backend *b;
    if (a->accept_loss || a->accept_clock) {
        (void)visible_complain("check",
                               "%s: written by an older todoke (schema %lld; this one's is %lld): start this "
                               "version's node there first, or use the older todoke. Nothing was changed",
                               a->data, (long long)schema, (long long)newest);
        return 1;
    }
    enum err e = sqlite_open(&b, a->data, STORE_READ);
    if (e)
        return direct_fail("check", a->data, e);
    (void)printf(
        "%s: the database is sound; it was written by an older todoke (schema %lld; this one's is %lld), and "
        "nothing was changed\n",
        a->data, (long long)schema, (long long)newest);
    int status = tell_marks(a, b, false);
    b->ops->close(b);
    return status;
}

int cmd_check(int argc, char **argv)
{
    struct check_args a = {0};
    if (arguments_ask_help(argc, argv))
        return usage(stdout);
    int status = parse(argc, argv, &a);
    if (status)
        return status;
    if (direct_missing("check", a.data))
        return 1;
    uint32_t found = 0;
    bool accepts = a.accept_loss || a.accept_clock;
    enum err e = accepts ? ERR_NONE : sqlite_integrity_all(a.data, FOUND_MAX, print_found, &found);
    if (e && e != ERR_DAMAGED)
        return direct_fail("check", a.data, e);
    if (found || e) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "todoke check: %s: %s\n", a.data, direct_text(ERR_DAMAGED));
        return 1;
    }
    struct backend *b;
    int64_t schema, newest;
    if ((e = sqlite_version(a.data, &schema, &newest)))
        return direct_fail("check", a.data, e);
    if (schema < newest)
        return look_only(&a, schema, newest);
    status = direct_open("check", a.data, false, &b);
    if (status)
        return status;
    if (!accepts)
        (void)printf("%s: the database is sound\n", a.data);
    status = accepts ? accept(&a, b) : tell_stale(&a);
    if (!accepts && !status)
        status = tell_marks(&a, b, true);
    b->ops->close(b);
    return status;
}
