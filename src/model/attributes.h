#pragma once
/*
 * The attributes of a person of the audience: one JSON object. What is stored is in one form: each key once,
 * without the escapes that a JSON string can do without, no null on the outermost level, no white space
 * between members. So two texts name the same attribute exactly where their bytes are the same, whoever reads
 * them. Values stay as they were written.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/*
 * Appends old with the members of change: a member takes the place of the one of that name, null removes it.
 * Nested objects are values like others, and are not merged. Of a key that change has twice the last counts.
 * old: the result of an earlier call, or empty; change: an object that json_check() accepted. ERR_INVALID:
 * change is no object; ERR_LIMIT: past out's cap; ERR_NOMEM. On failure out is unchanged.
 */
enum err attributes_merge(struct span old, struct span change, struct buf *out) MUST_CHECK;
