#include "fault/search_text.h"

bool search_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct span search_trim(struct span s)
{
    while (s.len > 0 && search_is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && search_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool search_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_eq_nocase((struct span){s.ptr, prefix.len}, prefix);
}

bool search_texts_hold(const char *const *texts, size_t count, struct span text)
{
    for (size_t i = 0; i < count; i++) {
        struct span rest = span_of(texts[i]);
        for (; rest.len >= text.len; rest.ptr++, rest.len--) {
            if (search_starts(rest, text))
                return true;
            if (rest.len == 0)
                break;
        }
    }
    return false;
}

bool search_texts_hold_words(const char *const *texts, size_t count, struct span words)
{
    size_t at = 0;
    while (at < words.len) {
        size_t end = at;
        while (end < words.len && !search_is_space(words.ptr[end]))
            end++;
        if (!search_texts_hold(texts, count, (struct span){words.ptr + at, end - at}))
            return false;
        at = end;
        while (at < words.len && search_is_space(words.ptr[at]))
            at++;
    }
    return true;
}
