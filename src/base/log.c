#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

#define MODULE_NAME_MAX 23

struct rule {
    char module[MODULE_NAME_MAX + 1];
    enum log_level level;
};

struct rules {
    enum log_level fallback;
    size_t count;
    struct rule rule[LOG_MODULES_MAX];
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

atomic_int log_highest = LOG_LEVEL_INFO;

/* Guards rules only. Taken only for lines that may be written, whose write costs far more. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rules rules = {.fallback = LOG_LEVEL_INFO};
static int out_fd = 2;
static const struct clock *out_clock = &clock_system;

static bool parse_level(struct span s, enum log_level *ret)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
        if (span_eq(s, span_of(level_names[i]))) {
            *ret = (enum log_level)i;
            return true;
        }
    return false;
}

static enum err parse_rule(struct span item, struct rules *to)
{
    const char *eq = item.len ? memchr(item.ptr, '=', item.len) : NULL;
    if (!eq)
        return parse_level(item, &to->fallback) ? ERR_NONE : ERR_INVALID;
    size_t name = (size_t)(eq - item.ptr);
    enum log_level level;
    if (name == 0 || !parse_level((struct span){eq + 1, item.len - name - 1}, &level))
        return ERR_INVALID;
    if (name > MODULE_NAME_MAX || to->count == LOG_MODULES_MAX)
        return ERR_LIMIT;
    struct rule *r = &to->rule[to->count++];
    memcpy(r->module, item.ptr, name);
    r->module[name] = '\0';
    r->level = level;
    return ERR_NONE;
}

enum err log_configure(const char *levels)
{
    struct rules next = {.fallback = LOG_LEVEL_INFO};
    const char *p = levels;
    for (;;) {
        size_t len = strcspn(p, ",");
        enum err e = parse_rule((struct span){p, len}, &next);
        if (e)
            return e;
        if (p[len] == '\0')
            break;
        p += len + 1;
    }
    enum log_level highest = next.fallback;
    for (size_t i = 0; i < next.count; i++)
        if (next.rule[i].level > highest)
            highest = next.rule[i].level;
    (void)pthread_mutex_lock(&lock);
    rules = next;
    atomic_store_explicit(&log_highest, (int)highest, memory_order_relaxed);
    (void)pthread_mutex_unlock(&lock);
    return ERR_NONE;
}

void log_set_output(int fd, const struct clock *clock)
{
    out_fd = fd;
    out_clock = clock ? clock : &clock_system;
}

bool log_module_on(enum log_level level, const char *module)
{
    (void)pthread_mutex_lock(&lock);
    enum log_level most = rules.fallback;
    for (size_t i = 0; i < rules.count; i++)
        if (strcmp(rules.rule[i].module, module) == 0)
            most = rules.rule[i].level; /* no break: the last rule for a module counts */
    (void)pthread_mutex_unlock(&lock);
    return level <= most;
}

struct log_field log_errno(const char *key, int number)
{
    const char *name = strerrorname_np(number);
    return name ? log_str(key, name) : log_int(key, number);
}

/* The line being built. After something did not fit, nothing more is added. */
struct line {
    size_t len;
    bool full;
    char text[LOG_LINE_MAX];
};

static const char cut_mark[] = " truncated=true\n";

/* Leaves room for cut_mark and a closing quote. */
#define LINE_ROOM (LOG_LINE_MAX - (sizeof(cut_mark) - 1) - 1)

static void line_add(struct line *l, const char *p, size_t len)
{
    if (l->full || l->len + len > LINE_ROOM) {
        l->full = true;
        return;
    }
    memcpy(l->text + l->len, p, len);
    l->len += len;
}

static void line_str(struct line *l, const char *s)
{
    line_add(l, s, strlen(s));
}

static bool is_plain(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return s.len > 0;
}

static void line_escaped(struct line *l, const char *p, size_t n, uint32_t cp)
{
    char esc[8];
    if (cp == '"' || cp == '\\') {
        esc[0] = '\\';
        esc[1] = (char)cp;
        line_add(l, esc, 2);
    } else if (cp == '\n' || cp == '\r' || cp == '\t') {
        line_str(l, cp == '\n' ? "\\n" : cp == '\r' ? "\\r" : "\\t");
    } else if (utf8_is_control(cp)) {
        int len = snprintf(esc, sizeof(esc), "\\u%04x", (unsigned)cp);
        line_add(l, esc, (size_t)len);
    } else {
        line_add(l, p, n);
    }
}

static void line_value(struct line *l, struct span s)
{
    /* A plain value that does not fit is quoted, so that the part that fits is shown. */
    if (is_plain(s) && l->len + s.len <= LINE_ROOM) {
        line_add(l, s.ptr, s.len);
        return;
    }
    line_add(l, "\"", 1);
    if (l->full)
        return;
    for (size_t i = 0; i < s.len && !l->full;) {
        uint32_t cp = 0;
        size_t n = utf8_next(s.ptr + i, s.len - i, &cp);
        if (n == 0) {
            line_str(l, "\xEF\xBF\xBD"); /* U+FFFD for each byte that is not valid UTF-8 */
            n = 1;
        } else {
            line_escaped(l, s.ptr + i, n, cp);
        }
        i += n;
    }
    l->text[l->len++] = '"'; /* LINE_ROOM leaves room for it */
}

static void line_field(struct line *l, const struct log_field *f)
{
    if (l->full)
        return;
    size_t before = l->len;
    line_add(l, " ", 1);
    line_str(l, f->key);
    line_add(l, "=", 1);
    char number[24];
    switch (f->type) {
    case LOG_TYPE_SPAN:
        break;
    case LOG_TYPE_INT:
        (void)snprintf(number, sizeof(number), "%" PRId64, f->i);
        break;
    case LOG_TYPE_UINT:
        (void)snprintf(number, sizeof(number), "%" PRIu64, f->u);
        break;
    }
    if (f->type != LOG_TYPE_SPAN) {
        line_str(l, number);
        if (l->full)
            l->len = before; /* part of a number would be a wrong number */
        return;
    }
    if (l->full)
        l->len = before;
    else
        line_value(l, f->span);
    if (l->len > 0 && l->text[l->len - 1] == '=')
        l->len = before; /* not even the opening quote fitted */
}

static void line_head(struct line *l, enum log_level level, const char *module, const char *msg)
{
    int64_t ms = out_clock->wall_ms(out_clock->arg);
    if (ms < 0)
        ms = 0;
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    char stamp[64] = "";
    if (gmtime_r(&s, &tm)) {
        size_t n = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
        (void)snprintf(stamp + n, sizeof(stamp) - n, ".%03dZ", (int)(ms % 1000));
    }
    line_str(l, "time=");
    line_str(l, stamp);
    line_field(l, &(struct log_field){.key = "level", .span = span_of(level_names[level])});
    line_field(l, &(struct log_field){.key = "module", .span = span_of(module)});
    line_field(l, &(struct log_field){.key = "msg", .span = span_of(msg)});
}

void log_write(enum log_level level, const char *module, const char *msg, const struct log_field *fields)
{
    int saved = errno;
    struct line l;
    l.len = 0;
    l.full = false;
    line_head(&l, level, module, msg);
    for (const struct log_field *f = fields; f->key; f++)
        line_field(&l, f);
    if (l.full) {
        memcpy(l.text + l.len, cut_mark, sizeof(cut_mark) - 1);
        l.len += sizeof(cut_mark) - 1;
    } else {
        l.text[l.len++] = '\n';
    }
    /* A failing log must not stop the service: the line is dropped. */
    ssize_t n;
    do {
        n = write(out_fd, l.text, l.len);
    } while (n < 0 && errno == EINTR);
    errno = saved;
}
