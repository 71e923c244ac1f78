#pragma once
/*
 * What the rules of receipts read answers with: bytes of strangers, without allocation, each function in time
 * linear in what it is given.
 *
 *     struct answer_text text;
 *     answer_text_of(a->body, &text);
 *     if (answer_text_has(answer_text_span(&text), "token (is )?expired")) ...
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_scan.h"
#include "base/span.h"
#include "fault/receipt.h"

/* Real answers have some hundred bytes. What follows is no longer about the error, so it is not read. */
#define ANSWER_TEXT_MAX 4096u

/*
 * A text as the patterns want it: ASCII letters are lower case, each run of blanks, control characters, line
 * ends, U+00A0 and U+3000 is one blank, none at the ends; typographic quotes are ASCII. Other bytes stay.
 */
struct answer_text {
    size_t len;
    char bytes[ANSWER_TEXT_MAX];
};

void answer_text_of(struct span raw, struct answer_text *ret);

static inline struct span answer_text_span(const struct answer_text *text)
{
    return (struct span){text->bytes, text->len};
}

/*
 * Whether a normalised text has the pattern somewhere. Patterns are ours, constant, in lower case:
 *
 *     (a|b)   one of these; (a|b)? or none. Choices nest.
 *     *       anything, at most ANSWER_TEXT_GAP bytes; at most two on a way through the pattern, never first.
 *             "a * b" is also "a b"
 *     #       one or more digits
 *     ^ $     first: at the front of the text; last: at its end
 *     ~       the rest of a word: "throttl~"; first: the pattern may begin inside of a word. Without it,
 *             patterns that begin and end with a letter or digit match whole words: "full" is not in "fully"
 *
 * Any other byte is itself.
 */
#define ANSWER_TEXT_GAP 40u
bool answer_text_has(struct span text, const char *pattern);
/* As answer_text_has; *ret_at (may be NULL) is where the first match begins. */
bool answer_text_find(struct span text, const char *pattern, size_t *ret_at);
/* The longest pattern, and how deep choices nest; answer_text_pattern_ok() holds tables to it in tests. */
#define ANSWER_TEXT_PATTERN_MAX 400u
bool answer_text_pattern_ok(const char *pattern);

/* One row of a table of rules: what a text means. */
struct answer_rule {
    const char *pattern;
    enum receipt_class class;
    enum receipt_retry retry;
    enum receipt_effect effect;
    enum receipt_whom scope;
    enum delivery_error_id error;
};
/* The first row whose pattern the normalised text has; NULL: none. */
const struct answer_rule *answer_text_rule(const struct answer_rule *rules, size_t count, struct span text);

/* The answer's JSON; false where it is none, or is deeper than JSON_DEPTH. White space and a byte order mark
 * around it are skipped. */
bool answer_text_json(struct span body, struct json_value *ret);
/*
 * The value at a path of members and positions, such as "error.details[0].reason"; a member is what stands
 * between the dots. false: nothing is there. Of members of one name, the first counts.
 */
bool answer_text_at(struct json_value root, const char *path, struct json_value *ret);
/*
 * Decodes a string of a checked text into out, cut between characters where it is longer than cap. Empty for
 * every other kind of value.
 */
struct span answer_text_string(struct json_value value, char *out, size_t cap);
/* A number without fraction, or a string of digits only: "status": "400". false: neither. */
bool answer_text_int(struct json_value value, int64_t *ret);

/* The value of the first header of that name, trimmed; empty: there is none. */
struct span answer_text_header(const struct answer *a, const char *name);
/*
 * Retry-After (RFC 9110 10.2.3) in seconds, from a number or from an IMF-fixdate and a->now_ms, at most
 * ANSWER_TEXT_WAIT_MAX. 0: none, or not understood, or in the past.
 */
#define ANSWER_TEXT_WAIT_MAX (31u * 86400u) /* a month: LINE's limit resets then; more is a broken answer */
uint32_t answer_text_retry_after(const struct answer *a);

/*
 * Appends to the receipt's text as valid UTF-8 in one line: runs of blanks and control characters become one
 * blank, invalid bytes U+FFFD. What passes RECEIPT_TEXT_MAX - 1 bytes is cut off, between characters; a NUL
 * follows, which text_len does not count.
 */
void answer_text_put(struct receipt *r, struct span s);
void answer_text_put_str(struct receipt *r, const char *s);
void answer_text_put_int(struct receipt *r, int64_t n);
