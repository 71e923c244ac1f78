#pragma once
/*
 * Prints one value of a context, exactly as the engine would: what a path leads to, through filters, escaped.
 * A value that it cannot print so (an object, letters beyond ASCII through `upper`) is the engine's.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json_scan.h"
#include "campaign/template.h"

enum print_result {
    PRINT_DONE,
    PRINT_NULL,   /* there is no value, or it is null */
    PRINT_ENGINE, /* only the engine knows */
};

/*
 * context: the root of a checked text, an object. Appends to out the inside of a JSON string. Unless *ret is
 * PRINT_DONE, out is as before. ERR_LIMIT, ERR_NOMEM: of out.
 */
enum err print_value(const struct template_print *print, bool html, struct json_value context,
                     struct buf *out, enum print_result *ret) MUST_CHECK;

#define PRINT_NUMBER_MAX 32u
#define PRINT_NUMBER_JSON_MAX 127u /* as written; a longer one is the engine's */
/*
 * Writes a JSON number as JavaScript prints it (ECMA-262 6.1.6.1.20), NUL-terminated; returns its length, 0:
 * too long.
 */
size_t print_number(struct span json, char out[static PRINT_NUMBER_MAX]);
