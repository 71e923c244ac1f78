#include "exchange/http1_chunks.h"

#include "base/hex.h"
#include "exchange/http1_octet.h"

enum step {
    STEP_SIZE,        /* a digit must follow */
    STEP_DIGITS,      /* after a digit */
    STEP_SIZE_BLANKS, /* after the size and blanks */
    STEP_NAME,        /* after ';': a name must follow */
    STEP_IN_NAME,
    STEP_NAME_BLANKS, /* after a name and blanks */
    STEP_VALUE,       /* after '=': a value must follow */
    STEP_IN_TOKEN,
    STEP_IN_STRING,
    STEP_ESCAPED, /* after the '\' of a quoted pair */
    STEP_STRING_END,
    STEP_VALUE_BLANKS, /* after a value and blanks */
    STEP_ANYTHING,     /* in text that is no valid extension */
    STEP_LF,           /* after the CR of that line */
    STEP_CONTENT_CR,   /* after content */
    STEP_CONTENT_LF,
};

static void take_digit(struct http1_chunks *c, int digit)
{
    if (c->step == STEP_DIGITS && c->size == 0) /* the digit before was a leading zero */
        c->extra++;
    if (c->size > UINT64_MAX >> 4)
        c->broken = true;
    c->size = c->size << 4 | (uint64_t)digit;
    c->step = STEP_DIGITS;
}

/* The step after a byte of an extension: chunk-ext of RFC 9112 7.1.1. */
static enum step extension_step(enum step step, char c)
{
    bool blank = c == ' ' || c == '\t', token = http1_octet_is(c, OCTET_TOKEN);
    switch (step) {
    case STEP_DIGITS:
    case STEP_SIZE_BLANKS:
        return c == ';' ? STEP_NAME : blank ? STEP_SIZE_BLANKS : STEP_ANYTHING;
    case STEP_NAME:
        return token ? STEP_IN_NAME : blank ? STEP_NAME : STEP_ANYTHING;
    case STEP_IN_NAME:
    case STEP_NAME_BLANKS:
        if (token && step == STEP_IN_NAME)
            return STEP_IN_NAME;
        return c == '=' ? STEP_VALUE : c == ';' ? STEP_NAME : blank ? STEP_NAME_BLANKS : STEP_ANYTHING;
    case STEP_VALUE:
        return c == '"' ? STEP_IN_STRING : token ? STEP_IN_TOKEN : blank ? STEP_VALUE : STEP_ANYTHING;
    case STEP_IN_TOKEN:
    case STEP_STRING_END:
    case STEP_VALUE_BLANKS:
        if (token && step == STEP_IN_TOKEN)
            return STEP_IN_TOKEN;
        return c == ';' ? STEP_NAME : blank ? STEP_VALUE_BLANKS : STEP_ANYTHING;
    case STEP_IN_STRING:
        return c == '"' ? STEP_STRING_END : c == '\\' ? STEP_ESCAPED : STEP_IN_STRING;
    case STEP_ESCAPED:
        return STEP_IN_STRING;
    case STEP_SIZE:
    case STEP_ANYTHING:
    case STEP_LF:
    case STEP_CONTENT_CR:
    case STEP_CONTENT_LF:
        break;
    }
    return STEP_ANYTHING;
}

/*
 * Handles a byte after the size. Directly after the size only ';' is allowed, apart from blanks: "5x" and
 * "0x5" are not sizes. A control character shows that the framing was lost, or never was one.
 */
static void take_extension(struct http1_chunks *c, char byte)
{
    enum step step = (enum step)c->step;
    if (byte == '\r') {
        c->lax |=
            step != STEP_DIGITS && step != STEP_IN_NAME && step != STEP_IN_TOKEN && step != STEP_STRING_END;
        c->step = STEP_LF;
        return;
    }
    enum step next = extension_step(step, byte);
    if (!http1_octet_is(byte, OCTET_TEXT) ||
        (next == STEP_ANYTHING && (step == STEP_DIGITS || step == STEP_SIZE_BLANKS)))
        c->broken = true;
    c->extra++;
    c->step = (uint8_t)next;
}

static void take(struct http1_chunks *c, char byte)
{
    int digit;
    switch ((enum step)c->step) {
    case STEP_SIZE:
    case STEP_DIGITS:
        digit = hex_digit(byte);
        if (digit >= 0)
            take_digit(c, digit);
        else if (c->step == STEP_SIZE)
            c->broken = true;
        else
            take_extension(c, byte);
        return;
    case STEP_LF:
        c->broken |= byte != '\n';
        c->left = c->size;
        c->last = c->size == 0;
        c->size = 0;
        c->step = STEP_CONTENT_CR;
        return;
    case STEP_CONTENT_CR:
        c->broken |= byte != '\r';
        c->step = STEP_CONTENT_LF;
        return;
    case STEP_CONTENT_LF:
        c->broken |= byte != '\n';
        c->step = STEP_SIZE;
        return;
    case STEP_SIZE_BLANKS:
    case STEP_NAME:
    case STEP_IN_NAME:
    case STEP_NAME_BLANKS:
    case STEP_VALUE:
    case STEP_IN_TOKEN:
    case STEP_IN_STRING:
    case STEP_ESCAPED:
    case STEP_STRING_END:
    case STEP_VALUE_BLANKS:
    case STEP_ANYTHING:
        take_extension(c, byte);
        return;
    }
}

size_t http1_chunks_feed(struct http1_chunks *c, const char *p, size_t len)
{
    size_t at = 0;
    while (at < len && c->left == 0 && !c->last && !c->broken) {
        take(c, p[at++]);
        if (c->extra > HTTP1_CHUNKS_EXTRA_MAX)
            c->broken = true;
    }
    return at;
}
