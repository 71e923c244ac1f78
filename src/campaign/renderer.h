#pragma once
/*
 * Processes that render the contents the direct way cannot (content.h): Nunjucks on Duktape, in children
 * without network, files or secrets, that are killed and replaced when a message takes too long. A pool
 * belongs to one libuv loop and is used from its thread only. Children start when they are first needed, and
 * end with the pool.
 *
 *     renderer_open(loop, &options, &pool)
 *     renderer_render(pool, content, context, done, arg) ─► done(arg, &rendered)        later, on the loop
 *     renderer_close(pool, closed, arg)
 *
 * The program ignores SIGPIPE, as nodes do: a process may end while something is written to it.
 *
 * A template sees nothing of the message before it: each recipient has a context parsed anew, each content a
 * heap of its own whose builtins are frozen. docs/decisions/0032-rendering.md.
 */
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/span.h"
#include "campaign/content.h"

struct renderer; /* the pool */

struct renderer_options {
    const char *program; /* the todoke to run as a child; NULL: /proc/self/exe */
    unsigned processes;  /* 1 … 16; 0: 1 */
    unsigned render_ms;  /* one message may take this long; 0: RENDERER_RENDER_MS */
    unsigned compile_ms; /* the content of a campaign, parsed; 0: RENDERER_COMPILE_MS */
    size_t memory;       /* bytes that the engine may hold for one content; 0: RENDERER_MEMORY */
    size_t waiting_max;  /* messages that may wait; 0: RENDERER_WAITING_MAX */
};

#define RENDERER_RENDER_MS 200u
#define RENDERER_COMPILE_MS 2000u
#define RENDERER_MEMORY (32u << 20) /* a heap with the engine loaded takes about 2 MiB */
/* Several windows of senders; each message holds a context. */
#define RENDERER_WAITING_MAX 8192u
/* Bytes of one context: attributes (16 KiB) and defaults, of which 64 of 4 KiB are at most half full. */
#define RENDERER_CONTEXT_MAX (128u << 10)

/* rendered and its spans are borrowed for the call. result is never RENDER_NEEDS_ENGINE. */
typedef void (*renderer_done)(void *arg, const struct content_rendered *rendered);
/*
 * fault NULL: every template can be run; otherwise the first that cannot. gone: the check itself failed, ask
 * again.
 */
typedef void (*renderer_checked)(void *arg, const struct content_fault *fault, const char *gone);
typedef void (*renderer_closed)(void *arg);

/* ERR_NOMEM, ERR_IO. Starts no process yet. */
enum err renderer_open(uv_loop_t *loop, const struct renderer_options *options,
                       struct renderer **ret) MUST_CHECK;
/*
 * All that waits ends first, as RENDER_GONE, from within this call; closed comes later, on the loop. closed
 * may be NULL.
 */
void renderer_close(struct renderer *r, renderer_closed closed, void *arg);

/*
 * Renders every string of the content by the engine. context as of content_render(); copied. done is always
 * called once, never from within this call. ERR_BUSY: waiting_max reached, ask again after a done; ERR_LIMIT:
 * the context is too large; ERR_NOMEM: done will not be called.
 */
enum err renderer_render(struct renderer *r, struct content *c, struct span context, renderer_done done,
                         void *arg) MUST_CHECK;
/*
 * Has the engine read every template of the content: what content_compile() cannot know. Errors as
 * renderer_render().
 */
enum err renderer_check(struct renderer *r, struct content *c, renderer_checked checked,
                        void *arg) MUST_CHECK;

struct renderer_figures {
    uint64_t rendered, failed, killed,
        started; /* messages by the engine; of those failed; children killed, started */
    size_t waiting;
};
void renderer_read(const struct renderer *r, struct renderer_figures *ret);
