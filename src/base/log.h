#pragma once
/*
 * Log lines in logfmt. Each is written with one write(2), so that lines of several threads never mix:
 *
 *     time=2026-11-22T05:38:20.031Z level=warn module=net msg="connection refused" tries=3
 *
 *     log_warn("net", "connection refused", log_int("tries", n));
 *
 * While a level is off, its fields are not even evaluated: a call then costs one relaxed load. Values are
 * quoted and escaped (control characters, bidirectional overrides, malformed UTF-8), so that no peer can
 * forge or split a line or command a terminal. Never log secrets, signatures, tokens or payloads.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/span.h"

/* Not LOG_INFO and so on: those are macros of <syslog.h>. */
enum log_level {
    LOG_LEVEL_ERROR, /* an operator must act */
    LOG_LEVEL_WARN,  /* something was refused or timed out; the service goes on */
    LOG_LEVEL_INFO,  /* changes of state: start, stop, settings */
    LOG_LEVEL_DEBUG, /* the steps of single requests */
};

/*
 * A longer line is cut and ends in truncated=true. Less than PIPE_BUF, so that a pipe takes each line whole.
 */
#define LOG_LINE_MAX 2048
#define LOG_MODULES_MAX 32

struct log_field {
    const char *key; /* a literal of [a-z_]; NULL ends a list */
    enum log_type { LOG_TYPE_SPAN, LOG_TYPE_INT, LOG_TYPE_UINT } type;
    union {
        struct span span;
        int64_t i;
        uint64_t u;
    };
};

static inline struct log_field log_span(const char *key, struct span s)
{
    return (struct log_field){.key = key, .type = LOG_TYPE_SPAN, .span = s};
}
static inline struct log_field log_str(const char *key, const char *s) /* NULL is written as an empty value */
{
    return log_span(key, span_of(s));
}
static inline struct log_field log_int(const char *key, int64_t n)
{
    return (struct log_field){.key = key, .type = LOG_TYPE_INT, .i = n};
}
static inline struct log_field log_uint(const char *key, uint64_t n)
{
    return (struct log_field){.key = key, .type = LOG_TYPE_UINT, .u = n};
}
static inline struct log_field log_bool(const char *key, bool b)
{
    return log_str(key, b ? "true" : "false");
}
static inline struct log_field log_err(const char *key, enum err e) /* the text of err_text() */
{
    return log_str(key, err_text(e));
}
/* The name of a saved errno: ECONNREFUSED. */
struct log_field log_errno(const char *key, int number);

/*
 * Sets which lines are written: "info", or a default with exceptions: "info,net=debug,store=warn". May be
 * called at any time (a reload). ERR_INVALID (unknown level, bad syntax), ERR_LIMIT (too many modules, or a
 * name too long): nothing changes.
 */
enum err log_configure(const char *levels) MUST_CHECK;

/*
 * Sets where lines go (default: fd 2) and which clock stamps them (NULL: the system's). Call it before
 * threads start, or in tests.
 */
void log_set_output(int fd, const struct clock *clock);

extern atomic_int log_highest; /* the highest level that any module writes; used by log_on only */

bool log_module_on(enum log_level level, const char *module);
static inline bool log_on(enum log_level level, const char *module)
{
    return (int)level <= atomic_load_explicit(&log_highest, memory_order_relaxed) &&
           log_module_on(level, module);
}
/*
 * Writes the line whatever the levels are; fields end with a NULL key. Use the macros instead. Keeps errno.
 */
void log_write(enum log_level level, const char *module, const char *msg, const struct log_field *fields);

#define log_line(level, module, msg, ...)                                                                    \
    do {                                                                                                     \
        if (log_on((level), (module)))                                                                       \
            log_write((level), (module), (msg),                                                              \
                      (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}});                  \
    } while (0)

#define log_error(module, ...) log_line(LOG_LEVEL_ERROR, module, __VA_ARGS__)
#define log_warn(module, ...) log_line(LOG_LEVEL_WARN, module, __VA_ARGS__)
#define log_info(module, ...) log_line(LOG_LEVEL_INFO, module, __VA_ARGS__)
#define log_debug(module, ...) log_line(LOG_LEVEL_DEBUG, module, __VA_ARGS__)
