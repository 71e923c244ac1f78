#include "relay/capability.h"

/* Cuts the next word off. */
static struct span next_word(struct span *s, bool keyword)
{
    *s = span_trim(*s);
    size_t len = 0;
    while (len < s->len && s->ptr[len] != ' ' && s->ptr[len] != '\t' &&
           !(keyword && s->ptr[len] == '=')) /* "AUTH=PLAIN", as servers older than RFC 4954 have it */
        len++;
    const struct span word = {s->ptr, len};
    const size_t used = keyword && len < s->len ? len + 1 : len;
    *s = (struct span){s->ptr + used, s->len - used};
    return word;
}

static uint64_t number_of(struct span digits)
{
    uint64_t n = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9' || n > UINT64_MAX / 100)
            return 0; /* no limit that could be held to */
        n = n * 10 + (uint64_t)(digits.ptr[i] - '0');
    }
    return n;
}

static void take_line(struct capability *ret, struct span line)
{
    const struct span word = next_word(&line, true);
    if (span_eq_nocase(word, SPAN_LIT("PIPELINING"))) {
        ret->pipelining = true;
    } else if (span_eq_nocase(word, SPAN_LIT("STARTTLS"))) {
        ret->starttls = true;
    } else if (span_eq_nocase(word, SPAN_LIT("8BITMIME"))) {
        ret->eightbit = true;
    } else if (span_eq_nocase(word, SPAN_LIT("SMTPUTF8"))) {
        ret->utf8 = true;
    } else if (span_eq_nocase(word, SPAN_LIT("SIZE"))) {
        ret->size = number_of(next_word(&line, false));
    } else if (span_eq_nocase(word, SPAN_LIT("AUTH"))) {
        for (struct span m; (m = next_word(&line, false)).len;) {
            ret->plain |= span_eq_nocase(m, SPAN_LIT("PLAIN"));
            ret->login |= span_eq_nocase(m, SPAN_LIT("LOGIN"));
        }
    }
}

void capability_read(struct capability *ret, struct span lines)
{
    *ret = (struct capability){.size = 0};
    for (bool first = true; lines.len; first = false) {
        const char *end = memchr(lines.ptr, '\n', lines.len);
        const size_t len = end ? (size_t)(end - lines.ptr) : lines.len;
        if (!first)
            take_line(ret, (struct span){lines.ptr, len});
        lines = end ? (struct span){end + 1, lines.len - len - 1} : SPAN_LIT("");
    }
}
