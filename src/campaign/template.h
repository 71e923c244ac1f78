#pragma once
/*
 * One string of a content as a template: what it consists of, and whether the direct way can render it. The
 * grammar that it takes is part of Nunjucks 3.2.4's, and small on purpose:
 *
 *     text   {{ path.to.value }}   {{ value | filter | filter("text") }}   #{name}
 *
 * Everything else is the engine's, also what looks wrong: only the engine says what is an error.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "campaign/variables.h"

#define TEMPLATE_STEPS_MAX 8u   /* names in a path; a longer one is the engine's */
#define TEMPLATE_FILTERS_MAX 4u /* in a row; more are the engine's */

enum template_filter {
    TEMPLATE_UPPER,
    TEMPLATE_LOWER,
    TEMPLATE_CAPITALIZE,
    TEMPLATE_TITLE,
    TEMPLATE_TRIM,
    TEMPLATE_LENGTH,
    TEMPLATE_DEFAULT,       /* fallback where there is no value */
    TEMPLATE_DEFAULT_FALSY, /* … or one that counts as false */
    TEMPLATE_ESCAPE,        /* only as the last one, like TEMPLATE_SAFE */
    TEMPLATE_SAFE,
};

struct template_print {
    uint32_t line, column; /* of its {{, from 1, as the engine counts: in UTF-16 units */
    uint8_t steps, filters;
    struct span path[TEMPLATE_STEPS_MAX]; /* NUL-terminated */
    struct {
        enum template_filter kind;
        struct span fallback; /* TEMPLATE_DEFAULT, TEMPLATE_DEFAULT_FALSY: decoded */
    } filter[TEMPLATE_FILTERS_MAX];
};

struct template_piece {
    struct span text; /* of JSON's inside of a string: escaped; empty before a print that follows another */
    const struct template_print *print; /* what follows the text; NULL: nothing, this is the last piece */
};

enum template_kind {
    TEMPLATE_CONSTANT, /* prints nothing: the text is what it is */
    TEMPLATE_DIRECT,
    TEMPLATE_ENGINE,
};

struct template
{
    enum template_kind kind;
    bool html;
    struct span source; /* for the engine: `#{name}` is `{{ name }}` there */
    size_t count;       /* pieces; 0 for the engine */
    const struct template_piece *pieces;
};

struct template_fault {
    uint32_t line, column;
    char message[160];
};

/*
 * text: the decoded string. All of *ret is memory of the arena. variables: as content_compile() has it.
 * ERR_INVALID: a `#{name}` of no declared variable; ERR_NOMEM, ERR_LIMIT.
 */
enum err template_parse(struct arena *arena, struct span text, bool html, const struct variables *variables,
                        struct template *ret, struct template_fault *ret_fault) MUST_CHECK;
