#pragma once
/*
 * The variables that a campaign declares, and the context that its templates see for one user:
 *
 *     [{"name":"shop","attribute":"last.shop","default":"our shop","whenMissing":"default"}]
 *     {"last":{"shop":"Ginza"}}  ─►  {"user":{"last":{"shop":"Ginza"}},"shop":"Ginza"}
 *
 * An attribute that is absent or JSON null is missing; an empty string, 0 and false are values.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json_scan.h"
#include "base/span.h"

#define VARIABLES_MAX 64u           /* of one campaign: people write each by hand */
#define VARIABLE_NAME_MAX 64u       /* bytes */
#define VARIABLE_ATTRIBUTE_MAX 256u /* bytes of a dotted path */
#define VARIABLE_DEFAULT_MAX 4096u  /* bytes of JSON */
#define VARIABLES_FAULT_MAX 200u

enum variable_missing {
    VARIABLE_FAIL,    /* the message fails: `action_exec_error_no_default_value` */
    VARIABLE_DEFAULT, /* the default is taken */
    VARIABLE_SKIP,    /* nothing is sent to this user */
};

struct variable {
    struct span name; /* letters, digits, "_", not a digit first */
    struct span
        attribute; /* a member of the user's attributes, or a path of members with dots; absent: as name */
    struct span fallback;               /* JSON text; empty: no default */
    enum variable_missing when_missing; /* not given: default where there is one, else fail */
};

struct variables; /* immutable; may be shared by threads */

struct variables_fault {
    char path[64]; /* "variables[2].name" */
    char message[VARIABLES_FAULT_MAX];
};

/*
 * declared: a value of a text that json_check() accepted; JSON_KIND_NONE and null: no variables. Copied.
 * ERR_INVALID, ERR_LIMIT: *ret_fault says what and where; ERR_NOMEM.
 */
enum err variables_parse(struct json_value declared, struct variables **ret,
                         struct variables_fault *ret_fault) MUST_CHECK;
void variables_free(struct variables *v); /* NULL-safe */

size_t variables_count(const struct variables *v); /* NULL: 0 */
const struct variable *variables_at(const struct variables *v, size_t i);
bool variables_declare(const struct variables *v, struct span name); /* whether one has this name */

enum variables_result {
    VARIABLES_READY,
    VARIABLES_NO_VALUE, /* `action_exec_error_no_default_value` */
    VARIABLES_SKIP,     /* whenMissing is skip: the message is skipped */
};

struct variables_outcome {
    enum variables_result result;
    const struct variable *missing; /* which one, unless VARIABLES_READY */
};

/*
 * Appends the context of one user to out. attributes: JSON text of one object that json_check() accepts;
 * empty: none. Unless the result is VARIABLES_READY, out is as before. ERR_INVALID: attributes is no object;
 * ERR_LIMIT, ERR_NOMEM: of out.
 */
enum err variables_context(const struct variables *v, struct span attributes, struct buf *out,
                           struct variables_outcome *ret) MUST_CHECK;
