#pragma once
/*
 * Nunjucks on Duktape, for one content: a heap of its own, in which the content's templates are compiled
 * once, everything they share is frozen (script.js), and one context after the other is rendered. Only a
 * renderer process (cell.h) runs it: a template may loop in a native function, which nothing but the end of
 * the process stops.
 *
 * Strings are CESU-8 inside, as JavaScript has them (a character beyond the BMP is two), and UTF-8 outside.
 * Half of such a pair comes out as U+FFFD, as from Node.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct script;

struct script_template {
    struct span text; /* UTF-8 */
    bool html;        /* what it prints is escaped for HTML */
};

enum script_status {
    SCRIPT_DONE,
    SCRIPT_NULL,   /* a template printed null or undefined: text is the engine's message */
    SCRIPT_ERROR,  /* syntax, or an error at run time: text says which */
    SCRIPT_TIME,   /* ms passed */
    SCRIPT_MEMORY, /* the heap's limit was reached */
    SCRIPT_LARGE,  /* the output is larger than allowed */
};

struct script_result {
    enum script_status status;
    uint32_t index;        /* of the template; unless SCRIPT_DONE */
    uint32_t line, column; /* script_load(): where, from 1; 0: not known */
    char text[320];        /* UTF-8, NUL-terminated */
};

/*
 * memory: bytes that the heap may hold. NULL: out of memory, or the limit is too small for the engine itself.
 */
struct script *script_new(size_t memory) MUST_CHECK;
void script_free(struct script *e); /* NULL-safe */

/* Compiles the templates of the content; once a heap. ms: of CPU time. ERR_NOMEM. */
enum err script_load(struct script *e, const struct script_template *templates, size_t count, unsigned ms,
                     struct script_result *ret) MUST_CHECK;

/*
 * Renders all templates with one context (JSON, UTF-8). SCRIPT_DONE: appends each text to out as its length
 * (uint32_t, in the machine's order) and its bytes; otherwise out is as before. output_max: bytes of all
 * texts. ERR_NOMEM, ERR_LIMIT: of out.
 */
enum err script_render(struct script *e, struct span context, unsigned ms, size_t output_max, struct buf *out,
                       struct script_result *ret) MUST_CHECK;

/* After SCRIPT_TIME and SCRIPT_MEMORY, and where the heap has grown large: free it and make a new one. */
bool script_is_spent(const struct script *e);
/* The process's CPU time, in nanoseconds: the clock of ms above. */
uint64_t script_cpu_ns(void);
