#include "relay/reply.h"

void reply_begin(struct reply *r)
{
    r->code = 0;
    r->last = r->cr = false;
    r->column = r->bytes = r->text_len = 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void keep(struct reply *r, char c)
{
    if (r->text_len < sizeof(r->text))
        r->text[r->text_len++] = c;
}

/* The code and what stands behind it. False: no reply begins so. */
static bool read_head(struct reply *r, char c)
{
    switch (r->column++) {
    case 0:
        r->code = 0;
        r->last = false;
        if (c < '2' || c > '5')
            return false;
        break;
    case 3: /* a code alone is a reply as well (RFC 5321 4.2) */
        r->last = c != '-';
        return c == '-' || c == ' ' || c == '\t';
    default:
        if (!is_digit(c))
            return false;
        break;
    }
    r->code = r->code * 10 + (c - '0');
    return true;
}

enum reply_step reply_read(struct reply *r, const char *p, size_t len, size_t *ret_used)
{
    for (size_t i = 0; i < len; i++) {
        const char c = p[i];
        *ret_used = i + 1;
        if (++r->bytes > REPLY_BYTES_MAX)
            return REPLY_BROKEN;
        if (c == '\n') {
            if (r->column < 3)
                return REPLY_BROKEN;
            if (r->last || r->column == 3)
                return REPLY_WHOLE;
            keep(r, '\n');
            r->column = 0;
            r->cr = false;
            continue;
        }
        if (r->cr && r->column > 3)
            keep(r, '\r');
        else if (r->cr) /* within the code */
            return REPLY_BROKEN;
        r->cr = c == '\r';
        if (r->cr)
            continue;
        if (r->column > 3)
            keep(r, c);
        else if (!read_head(r, c))
            return REPLY_BROKEN;
    }
    *ret_used = len;
    return REPLY_MORE;
}

/* The length of "5.1.1" at the front of a line; 0: there is none. */
static size_t status_length(struct span s)
{
    size_t at = 0;
    for (unsigned part = 0; part < 3; part++) {
        size_t digits = 0;
        while (at < s.len && digits < 3 && is_digit(s.ptr[at])) {
            at++;
            digits++;
        }
        if (!digits || (part == 0 && digits > 1))
            return 0;
        if (part < 2 && (at == s.len || s.ptr[at++] != '.'))
            return 0;
    }
    return at == s.len || s.ptr[at] == ' ' || s.ptr[at] == '\n' ? at : 0;
}

size_t reply_unfold(struct span text, char *out)
{
    const size_t status = status_length(text);
    char first[16]; /* "5.123.123" */
    size_t len = 0;
    memcpy(first, text.ptr, status);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\n') {
            out[len++] = text.ptr[i];
            continue;
        }
        while (len && out[len - 1] == ' ')
            len--;
        out[len++] = ' ';
        const struct span rest = {text.ptr + i + 1, text.len - i - 1};
        if (!status || status_length(rest) != status || memcmp(rest.ptr, first, status) != 0)
            continue;
        i += status;
        if (i + 1 < text.len && text.ptr[i + 1] == ' ')
            i++;
    }
    return len;
}
