#include "base/visible.h"

#include <glib.h>
#include <stdarg.h>

#include "base/utf8.h"

#define SHOWN_MAX 12 /* \udb40\udc01, two escapes */
#define COMPLAINT_MAX 16384u

struct shown {
    char text[SHOWN_MAX + 1];
    size_t len;
    unsigned width;
};

static unsigned escape(uint32_t cp, char out[static SHOWN_MAX + 1])
{
    int n = cp < 0x10000 ? snprintf(out, SHOWN_MAX + 1, "\\u%04x", (unsigned)cp)
                         : snprintf(out, SHOWN_MAX + 1, "\\u%04x\\u%04x", 0xD800u + ((cp - 0x10000) >> 10),
                                    0xDC00u + ((cp - 0x10000) & 0x3FF)); /* a surrogate pair, as in JSON */
    return (unsigned)n;
}

/*
 * Sets *ret to what is shown of the character at the front of s (not empty); returns the character's length
 * in bytes.
 */
static size_t next(struct span s, bool lines, struct shown *ret)
{
    uint32_t cp = 0;
    size_t n = utf8_next(s.ptr, s.len, &cp);
    if (n == 0) {
        memcpy(ret->text, "\xEF\xBF\xBD", 4);
        ret->len = 3;
        ret->width = 1;
        return 1;
    }
    if ((utf8_is_control(cp) && !(lines && cp == '\n')) || utf8_is_invisible(cp)) {
        ret->width = escape(cp, ret->text);
        ret->len = ret->width;
        return n;
    }
    memcpy(ret->text, s.ptr, n);
    ret->len = n;
    ret->width = cp < 0x80 ? 1 : g_unichar_iszerowidth(cp) ? 0 : g_unichar_iswide(cp) ? 2 : 1;
    return n;
}

void visible_print(FILE *to, struct span s, bool lines)
{
    struct shown c;
    for (size_t i = 0; i < s.len;) {
        i += next((struct span){s.ptr + i, s.len - i}, lines, &c);
        (void)fwrite(c.text, 1, c.len, to);
    }
}

enum err visible_add(struct buf *out, struct span s, bool lines)
{
    struct shown c;
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < s.len;) {
        i += next((struct span){s.ptr + i, s.len - i}, lines, &c);
        e = buf_add(out, c.text, c.len);
    }
    return e;
}

unsigned visible_width(struct span s)
{
    struct shown c;
    unsigned width = 0;
    for (size_t i = 0; i < s.len; width += c.width)
        i += next((struct span){s.ptr + i, s.len - i}, false, &c);
    return width;
}

int visible_complain(const char *command, const char *fmt, ...)
{
    char text[COMPLAINT_MAX]; /* longer arguments are cut */
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)fprintf(stderr, "todoke%s%s: ", command ? " " : "", command ? command : "");
    visible_print(stderr, span_of(text), false);
    (void)fputc('\n', stderr);
    return 2;
}
