#pragma once
/*
 * The content of a campaign, compiled once for a job and rendered once a message. A content is a JSON object;
 * every string value in it, at any depth, is a template (Nunjucks 3.2.4; keys are none). A string that only
 * prints variables through plain filters is rendered here, directly: byte for byte as the engine would, and
 * without it. Everything else, and a value the direct way cannot print exactly (an object, a letter with a
 * case beyond ASCII), goes to a process of the engine: renderer.h. docs/decisions/0032-rendering.md says why.
 *
 *     e = content_compile(medium, text, variables, &content, &fault);       once a job
 *     e = content_render(content, context, &out, &rendered);                once a message
 *     if (rendered.result == RENDER_NEEDS_ENGINE) renderer_render(…);       the same result, later
 *     if (rendered.result == RENDER_DONE && content_is_empty(medium, &rendered)) "no action"
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "campaign/variables.h"
#include "fault/delivery_error.h"

#define CONTENT_TEXT_MAX                                                                                     \
    (512u << 10)          /* bytes of a content as JSON: more than a mail with its pictures linked needs */
#define CONTENT_DEPTH 32u /* containers in each other: LINE's flex messages nest about 12 */
#define CONTENT_MEMBERS_MAX 16u     /* of the outer object: the largest channel has 6 */
#define CONTENT_TEMPLATES_MAX 4096u /* strings of a content: five large flex messages have about 2,000 */
#define CONTENT_OUTPUT_MAX                                                                                   \
    (1u << 20)                /* bytes that one message may render to: twice what a template may have */
#define CONTENT_PATH_MAX 192u /* "messages[0].contents.body.text"; a longer one ends in "…" */
#define CONTENT_REASON_MAX 400u

struct content; /* immutable; may be shared by threads after content_compile */

/* What is wrong with a content, for whoever wrote it. */
struct content_fault {
    char path[CONTENT_PATH_MAX]; /* the member: "messages[0].text"; "": the whole content */
    unsigned line, column;       /* in that string, both from 1, as the engine counts; 0: not known */
    char message[CONTENT_REASON_MAX];
};

/*
 * content: JSON text of one object; copied. variables: what `#{name}` may name; NULL: any name is taken, and
 * one without a value renders as null. ERR_INVALID, ERR_LIMIT: *ret_fault says what and where; ERR_NOMEM. The
 * syntax of templates that need the engine is not known before renderer_check() (renderer.h): a route that
 * takes a content asks both.
 */
enum err content_compile(enum medium medium, struct span content, const struct variables *variables,
                         struct content **ret, struct content_fault *ret_fault) MUST_CHECK;
struct content *content_ref(struct content *c);
void content_unref(struct content *c); /* NULL-safe; from any thread */

bool content_is_plain(
    const struct content *c); /* the direct way renders all of it, unless a value forbids it */
bool content_is_constant(
    const struct content *c); /* no template prints anything: all recipients get the same */

enum render_result {
    RENDER_DONE,
    RENDER_NEEDS_ENGINE, /* only from content_render(): ask renderer_render() */
    RENDER_NULL,   /* a template prints null or undefined; reason is the engine's own text, word for word */
    RENDER_FAILED, /* syntax, run time, time, memory, size: `failed to exec action`; reason says which */
    RENDER_GONE,   /* the renderer died under it, twice: `connection XXX to YYY closed` */
};

struct content_member {
    struct span key; /* between its quotes, with its escapes (json_key_is); borrowed from the content */
    struct span
        json; /* the value, every string in it rendered; borrowed from out: valid until that changes */
};

struct content_rendered {
    enum render_result result;
    size_t count; /* RENDER_DONE only: members, in the order of the content */
    struct content_member members[CONTENT_MEMBERS_MAX];
    char path[CONTENT_PATH_MAX]; /* RENDER_NULL, RENDER_FAILED: the member whose template it was; may be "" */
    char reason[CONTENT_REASON_MAX]; /* RENDER_NULL, RENDER_FAILED, RENDER_GONE; otherwise "" */
};

/*
 * The direct way: synchronous, nothing allocated but in out. context: JSON text of one object that
 * json_check() accepts (variables_context() writes such). Appends to out; unless the result is RENDER_DONE,
 * out is as before. ERR_NOMEM, ERR_LIMIT: of out. A message past CONTENT_OUTPUT_MAX is RENDER_FAILED.
 */
enum err content_render(const struct content *c, struct span context, struct buf *out,
                        struct content_rendered *ret) MUST_CHECK;

/* The member of that name; an empty span: there is none. */
struct span content_member(const struct content_rendered *rendered, const char *name);

/*
 * Whether nothing is left to send (`no action`): mail without html and text; push without title, body and
 * data; browser without title and body; LINE without messages, or with texts only that are empty. White space
 * alone is nothing.
 */
bool content_is_empty(enum medium medium, const struct content_rendered *rendered);
